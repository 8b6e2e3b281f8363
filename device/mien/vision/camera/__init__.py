"""Cameras: the Pi's own, USB cameras, video files, photos and the demo's scene."""
