"""What plays songs."""
