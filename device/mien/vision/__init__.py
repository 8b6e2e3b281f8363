"""From the camera to a reading."""
