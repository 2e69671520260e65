"""The configuration of an analysis: its schema, its defaults, and what it says."""

from hone.analysis.check import checked_config
from hone.analysis.contents import (
    baseline,
    event_files,
    is_trained,
    scaled_to_yield,
    seeds,
    signals,
    systematics_of,
    templates,
)
from hone.analysis.duplicates import refuse_duplicates
from hone.analysis.schema import SCHEMA, load_schema

__all__ = [
    "SCHEMA",
    "baseline",
    "checked_config",
    "event_files",
    "is_trained",
    "load_schema",
    "refuse_duplicates",
    "scaled_to_yield",
    "seeds",
    "signals",
    "systematics_of",
    "templates",
]
