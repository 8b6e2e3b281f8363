"""Recipes: a network and the way to train it, by name."""

from mien_training.recipes.mien import FER2013, MIEN, MIEN_DEVICE
from mien_training.recipes.parts import PARTS_RECIPE
from mien_training.recipes.recipe import Recipe
from mien_training.recipes.seed import SEED

__all__ = ["RECIPES", "Recipe"]

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in (SEED, PARTS_RECIPE, FER2013, MIEN, MIEN_DEVICE)}
