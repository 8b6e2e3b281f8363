"""From a mood to a song."""
