"""Cameras: the Pi's, USB, video files, photos and the demo's."""
