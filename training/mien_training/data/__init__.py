"""Data sets and the augmentation of their faces."""
