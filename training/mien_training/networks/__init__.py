"""Layers and operations of the recipes' networks."""
