"""From a mood and a catalogue to a list of songs."""
