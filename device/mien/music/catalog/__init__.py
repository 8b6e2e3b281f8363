"""The songs to choose from: their file, the import of tables, and the place of each on the valence-arousal plane."""
