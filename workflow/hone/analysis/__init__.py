"""The analysis that a config describes: its settings, their defaults, and what they say."""

from hone.analysis.analysis import Analysis
from hone.analysis.check import checked_config
from hone.analysis.duplicates import refuse_duplicates
from hone.analysis.templates import Template

__all__ = ["Analysis", "Template", "checked_config", "refuse_duplicates"]
