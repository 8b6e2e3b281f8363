"""mien: a private mood sensor and DJ for the Raspberry Pi."""

__version__ = "0.1.0"
