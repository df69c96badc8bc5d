"""Django's backend for PostgreSQL, with a faster way to empty tables between tests."""
