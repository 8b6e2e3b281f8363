"""Cameras, face detection and tracking, and classification: from frames to readings."""
