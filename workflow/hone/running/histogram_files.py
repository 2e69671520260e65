"""Histograms in files: TH1, TH2 and TH3 of ROOT, and the JSON of UHI that hist writes."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from hone.errors import InputError, did_you_mean
from hone.running.root_files import reason, root_file

__all__ = ["GivenHistogram", "read_histogram"]

_OF_ROOT = re.compile(r"TH[123][CSILFD]")
_CELLS = {0: "the underflow", -1: "the overflow"}


class GivenHistogram(NamedTuple):
    """A histogram of any dimension; each axis has an under- and an overflow."""

    values: np.ndarray
    """float64 (n1 + 2, ...)"""
    variances: np.ndarray
    """float64 (n1 + 2, ...); without Sumw2 those of counts"""
    edges: tuple[np.ndarray, ...]
    """Of each axis (n + 1,)."""
    has_errors: bool
    """Whether the variances are its own."""

    def unrolled(self, drops_beyond: bool) -> Self:
        """The same with one axis.

        Of several axes the bins are numbered as ROOT does, without under- and overflow: the first
        axis runs fastest. Its edges are then 0, 1, ... What lies beyond an axis is added to the
        outermost bins of that axis, or dropped; nothing lies beyond the new one.
        """
        if len(self.edges) == 1:
            return self
        flat = [np.pad(_inner(x, drops_beyond).ravel("F"), 1) for x in self[:2]]
        return self._replace(
            values=flat[0], variances=flat[1], edges=(np.arange(len(flat[0]) - 1.0),)
        )


def read_histogram(file: str, path: str) -> GivenHistogram:
    """A histogram of a ROOT file, or of a JSON file with histograms by name.

    Raises:
        InputError: names the file, the histogram and the bin: it is not there or none, a yield or
            a variance is not finite.
    """
    where = f"{file}: histogram {path!r}"
    try:
        kind, names, found = (_of_json if file.endswith(".json") else _of_root)(file, path)
    except InputError:
        raise
    except Exception as error:  # uproot and hist raise many kinds for a damaged file
        raise InputError(f"{file} cannot be read ({reason(error)})") from error
    if not kind:
        hint = did_you_mean(path, names, most=3) or _some(names)
        raise InputError(f"{file}: there is no histogram {path!r}; {hint}")
    if found is None:
        raise InputError(
            f"{where}: it is a {kind}; needed are a TH1, TH2 or TH3 of ROOT, or counts, sums or "
            "sums of weights of UHI"
        )
    for what, numbers in (("yield", found.values), ("variance", found.variances)):
        if not np.isfinite(numbers).all():
            at = np.argwhere(~np.isfinite(numbers))[0]
            places = [
                _CELLS.get(int(k) if k < n - 1 else -1, f"bin {k}")
                for k, n in zip(at, numbers.shape, strict=True)
            ]
            name = " of x, ".join(places) + (" of y" if len(places) > 1 else "")
            raise InputError(
                f"{where}, {name}: the {what} is {numbers[tuple(at)]:g}; it must be finite"
            )
    return found


def _of_root(file: str, path: str) -> tuple[str, list[str], GivenHistogram | None]:
    """Its class (empty if it is not there), names of the histograms in the file, and the histogram
    if it is one."""
    with root_file(file) as opened:
        kinds = opened.classnames(cycle=False)
        names = [name for name, kind in kinds.items() if _OF_ROOT.fullmatch(kind)]
        if path not in names:
            return kinds.get(path, ""), names, None
        found = opened[path]
        given = GivenHistogram(
            np.asarray(found.values(flow=True), dtype=float),
            np.asarray(found.variances(flow=True), dtype=float),
            tuple(np.asarray(axis.edges(), dtype=float) for axis in found.axes),
            bool(found.weighted),
        )
        return kinds[path], names, given


def _of_json(file: str, path: str) -> tuple[str, list[str], GivenHistogram | None]:
    """As :func:`_of_root`; the class is that of the storage."""
    import hist

    document = json.loads(Path(file).read_text(encoding="utf-8-sig"))
    if "axes" in document:
        raise InputError(f'{file} is a histogram without a name; write {{"{path}": histogram}}')
    entries = dict(_by_name(document))
    names = list(entries)
    if path not in names:
        return "", names, None
    kind = str(entries[path]["storage"]["type"])
    if kind not in ("int", "double", "weighted"):
        return kind, names, None
    found = hist.Hist(entries[path])
    values = _with_flow(found, found.values(flow=True))
    variances = _with_flow(found, found.variances(flow=True)) if kind == "weighted" else values
    edges = tuple(np.asarray(axis.edges, dtype=float) for axis in found.axes)
    return kind, names, GivenHistogram(values, np.abs(variances), edges, kind == "weighted")


def _by_name(entries: dict[str, Any], folder: str = "") -> Iterator[tuple[str, Any]]:
    """Histograms of mappings within each other, which are folders as those of ROOT files."""
    for name, entry in entries.items():
        if isinstance(entry, dict) and "axes" in entry:
            yield folder + name, entry
        elif isinstance(entry, dict):
            yield from _by_name(entry, f"{folder}{name}/")


def _with_flow(histogram: Any, cells: Any) -> np.ndarray:
    """Cells with an under- and an overflow of each axis, also of those that have none."""
    traits = [axis.traits for axis in histogram.axes]
    return np.pad(
        np.asarray(cells, dtype=float),
        [(int(not t.underflow), int(not t.overflow)) for t in traits],
    )


def _inner(cells: np.ndarray, drops_beyond: bool) -> np.ndarray:
    for axis in range(cells.ndim):
        along = np.moveaxis(cells, axis, 0)
        inner = along[1:-1].copy()
        if not drops_beyond:
            inner[0] += along[0]
            inner[-1] += along[-1]
        cells = np.moveaxis(inner, 0, axis)
    return cells


def _some(names: Sequence[str]) -> str:
    if not names:
        return "the file has no histogram at all"
    more = f" and {len(names) - 5} others" if len(names) > 5 else ""
    return f"there are {', '.join(map(repr, names[:5]))}{more}"
