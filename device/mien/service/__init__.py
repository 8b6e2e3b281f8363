"""Joins the stages and runs them as a daemon."""
