"""A remote site as a source, over real HTTP."""
