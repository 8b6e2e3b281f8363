"""Players: what plays the songs, one package or module for each."""
