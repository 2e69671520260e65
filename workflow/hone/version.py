"""The version of hone, which its packages get from here."""

__all__ = ["__version__"]

__version__ = "0.1.0"
