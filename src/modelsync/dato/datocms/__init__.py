"""DatoCMS: its Content Delivery API, as the connector needs it."""
