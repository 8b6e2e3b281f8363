"""The report that compares networks on an HTML page."""
