"""A DatoCMS that runs here: its Content Delivery API over real HTTP, editing, webhooks, and faults.

A site (site.py) has models and records (content.py), which an editor changes (editing.py). A request sees
what is published, or the drafts too (view.py), through the GraphQL schema that the models make (schema.py
with shapes.py, filters.py, orders.py, uploads.py), if it is allowed to and does not cost too much
(answers.py, complexity.py). The server logs what was asked, and goes wrong on demand (server.py, faults.py).
Webhooks tell others of edits (webhooks.py). Nothing here takes the real time or a random number.

`python -m tests.dato_server` serves a small site (demo.py).
"""

from tests.dato_server.content import (
    Block,
    Color,
    Field,
    File,
    ItemType,
    LatLon,
    Record,
    StructuredText,
    Upload,
)
from tests.dato_server.editing import Editor
from tests.dato_server.server import Asked, Server, serving
from tests.dato_server.site import Behaviour, Clock, Site, Token
from tests.dato_server.webhooks import Webhook

__all__ = [
    "Asked",
    "Behaviour",
    "Block",
    "Clock",
    "Color",
    "Editor",
    "Field",
    "File",
    "ItemType",
    "LatLon",
    "Record",
    "Server",
    "Site",
    "StructuredText",
    "Token",
    "Upload",
    "Webhook",
    "serving",
]
