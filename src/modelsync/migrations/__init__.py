"""The tables of modelsync."""
