"""Names as the schema allows them."""

from hypothesis import strategies as st

from hone.analysis.schema import json_schema

__all__ = ["LONGEST", "NAMES", "TEXTS"]

_NAME = json_schema()["properties"]["analysis"]
LONGEST = _NAME["maxLength"]
# Those that read as numbers or as nothing are rare among random ones.
_ODD = ("600", "1_000", "1e5", "nan", "inf", "None", "True", "0x1", "1-2", "-".join("ab"))
NAMES = st.sampled_from(_ODD) | st.from_regex(_NAME["pattern"], fullmatch=True).filter(
    lambda name: len(name) <= LONGEST and name not in _NAME["not"]["enum"]
)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)
"""What a branch of an ntuple may be called."""
