"""Networks side by side on a page."""
