"""The checks, grouped by their subject: facts in, a verdict out."""
