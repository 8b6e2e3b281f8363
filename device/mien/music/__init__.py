"""The music: from a mood to a song that plays."""
