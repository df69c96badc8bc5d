"""Downloads of files from real servers on loopback."""
