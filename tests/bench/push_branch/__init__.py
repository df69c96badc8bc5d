"""What the receiving site of the push benchmark keeps."""
