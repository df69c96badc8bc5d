"""What plans are applied to: Django models, and memory for tests."""
