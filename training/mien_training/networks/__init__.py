"""Layers and operations that the recipes' networks are made of."""
