"""The app of the capture benchmark."""
