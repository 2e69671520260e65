"""Numbers below the floor: no observable can reach them, only too few simulated events can."""

from collections.abc import Mapping, Sequence

from hone.results.documents import Floor, Row
from hone.results.gains import FIGURES_OF_MERIT

__all__ = ["below_floor"]

_WORDS = {
    "expected_cls": "CLs at mu = 1",
    "expected_limit": "expected limit",
    "expected_p0": "p0",
    "sigma_mu": "sigma_mu",
}
_ROUNDING, _ERRORS = 1e-6, 3.0
"""How far below the floor a number may be by rounding, relative, and by its statistical error."""


def below_floor(rows: Sequence[Row], floors: Mapping[str, Floor]) -> dict[tuple[str, str], str]:
    """What is wrong, by signal and observable; of each figure of merit the lowest seed.

    Numbers within three of their bootstrap errors of the floor are not: those are without
    staterror, ``without_staterror_*_error``.

    Args:
        rows: of ``comparison.csv``.
        floors: by signal.
    """
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["signal"], row["observable"]), []).append(row)
    found = {}
    for (signal, observable), seeds in groups.items():
        of_signal = floors.get(signal, {})
        floor = of_signal.get("of_observables", {}).get(observable, of_signal)
        texts = []
        for name, column in FIGURES_OF_MERIT.items():
            bound: float | None = floor.get(name)  # type: ignore[assignment]
            for kind in (column, f"without_staterror_{name}"):
                below = [v for row in seeds if (v := _below(row, name, kind, bound)) is not None]
                if below:
                    without = " without staterror" if kind != column else ""
                    of = f" in {len(below)} of {len(seeds)} seeds, the lowest" * (len(seeds) > 1)
                    texts.append(f"{_WORDS[name]}{without}{of} {_apart(min(below), bound)}")
                    break
        if texts:
            found[signal, observable] = (
                f"{signal}/{observable}: {', '.join(texts)}: below what any observable can reach. "
                "Too few simulated events are in its bins, or none of the background in one: use "
                "fewer bins, or more events"
            )
    return found


def _below(row: Row, name: str, kind: str, bound: float | None) -> float | None:
    """The number in a column, if it is below a bound by more than events can have made."""
    value: float | None = row.get(kind)
    if value is None or bound is None:
        return None
    error = row.get(f"without_staterror_{name}_error") or 0.0
    return value if bound - value > max(_ROUNDING * bound, _ERRORS * error) else None


def _apart(value: float, bound: float | None) -> str:
    """Both with three digits, or as many as they need to differ."""
    pairs = ((f"{value:#.{n}g}", f"{bound:#.{n}g}") for n in range(3, 17))
    return "{} (floor {})".format(*next(pair for pair in pairs if len(set(pair)) > 1))
