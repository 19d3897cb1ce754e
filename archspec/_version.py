"""The version of archspec."""

__version__ = "0.2.0"
