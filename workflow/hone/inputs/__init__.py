"""Events as an analysis wants them: from ROOT files, by expressions, in regions and sets."""

from hone.inputs.counting import count_events
from hone.inputs.load import load_events
from hone.inputs.sources import Source, data_source, sources
from hone.inputs.split import SETS, Split
from hone.inputs.stream import count_data, draw_data, fill_histograms
from hone.inputs.survey import survey

__all__ = [
    "SETS",
    "Source",
    "Split",
    "count_data",
    "count_events",
    "data_source",
    "draw_data",
    "fill_histograms",
    "load_events",
    "sources",
    "survey",
]
