"""Management commands: they parse, call and render, and know nothing else."""
