"""Errors for the user: what is wrong, where, and what is allowed."""

__all__ = ["ConfigError", "FitError", "HoneError", "InputError", "ModelError"]


class HoneError(Exception):
    """Base of all errors that hone raises deliberately; the message is for the user."""


class ConfigError(HoneError, ValueError):
    """A setting is missing, misspelled, of the wrong type or out of range."""


class InputError(HoneError, ValueError):
    """An input file or array cannot be used."""


class ModelError(HoneError, ValueError):
    """A statistical model cannot be computed as specified."""


class FitError(HoneError, RuntimeError):
    """A fit did not converge, or a limit does not exist."""
