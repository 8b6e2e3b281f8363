"""Joins the stages and runs them."""
