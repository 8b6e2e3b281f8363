"""The songs to choose from: their file, how tables get into it, and where each stands on the valence-arousal plane."""
