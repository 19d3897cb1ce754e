"""The version of archspec."""

__version__ = "0.1.0"
