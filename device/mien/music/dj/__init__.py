"""When to play what: moods in, commands to a player out."""
