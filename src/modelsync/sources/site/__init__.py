"""Another Django site as a source: both versions of the pull protocol, over HTTP.

What belongs here is the connection and what its bytes mean (docs/reference/pull-protocol.md); what
becomes of the records is the target's business.
"""

from modelsync.sources.site.http import Answer, Connection
from modelsync.sources.site.source import SiteSource

__all__ = ["Answer", "Connection", "SiteSource"]
