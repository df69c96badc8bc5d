"""Names of files, and what may be said without a server."""
