"""Numbers below the floor: no observable can reach them, only too few simulated events can."""

from collections.abc import Mapping, Sequence

from hone.results.documents import Floor, Row
from hone.results.gains import FIGURES_OF_MERIT

__all__ = ["below_floor"]

_ROUNDING = 1e-6


def below_floor(rows: Sequence[Row], floors: Mapping[str, Floor]) -> dict[tuple[str, str], str]:
    """What is wrong, by signal and observable; of each figure of merit the lowest seed.

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
                values = [value for row in seeds if (value := row.get(kind)) is not None]
                below = [v for v in values if bound is not None and v < bound * (1 - _ROUNDING)]
                if below:
                    of = f" of {len(below)} of {len(seeds)} seeds" if len(seeds) > 1 else ""
                    without = " without staterror" if kind != column else ""
                    texts.append(f"{name}{without} {min(below):#.3g}{of} (floor {bound:#.3g})")
                    break
        if texts:
            found[signal, observable] = (
                f"{signal}/{observable}: {', '.join(texts)}: below what any observable can reach. "
                "Too few simulated events are in its bins, or none of the background in one: use "
                "fewer bins, or more events"
            )
    return found
