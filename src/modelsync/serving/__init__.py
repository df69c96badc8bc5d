"""Serving models to other sites: a `Route`, its views, and both versions of the pull protocol.

What is read and written on the wire belongs here (docs/reference/pull-protocol.md); what a client
does with it never does.
"""

from modelsync.serving.tokens import hash_token

__all__ = ["hash_token"]
