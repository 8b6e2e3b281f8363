"""Recipes: a network and how to train it, each in a short file of its own."""

from mien_training.recipes.fer2013 import FER2013
from mien_training.recipes.mien import MIEN
from mien_training.recipes.parts import PARTS_RECIPE
from mien_training.recipes.recipe import Recipe
from mien_training.recipes.seed import SEED

__all__ = ["RECIPES", "Recipe"]

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in (SEED, PARTS_RECIPE, FER2013, MIEN)}
