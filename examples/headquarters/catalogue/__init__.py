"""What headquarters sells, and where it comes from."""
