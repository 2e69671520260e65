"""The results folder of an analysis: what is in it, for the report and for notebooks."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, cast

import yaml
from pydantic import ValidationError

from hone.analysis import Analysis
from hone.analysis.files import Files
from hone.analysis.settings import problems
from hone.errors import InputError
from hone.results.documents import Floor, Likelihood, Limits, Overtraining, Row
from hone.results.fit_documents import Fit
from hone.results.seed_choice import choose_seed
from hone.running.files import Json, read_csv, read_json
from hone.training.documents import GradientCheck

__all__ = ["Folder", "Published"]


@dataclass(frozen=True)
class Published:
    """The selected seed of an observable. Files that are not there are empty."""

    signal: str
    observable: str
    seed: int
    place: str
    """Its folder within that of the analysis."""
    limits: Limits
    fit: Fit
    likelihood: Likelihood
    gradient: GradientCheck
    overtraining: Overtraining
    history: list[Row]


class Folder:
    """``results/<analysis>``, wherever it lies.

    Args:
        path: of the folder.

    Raises:
        InputError: there are no results in it.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.analysis = _recorded(self.path / "config.yaml")
        """The settings of the analysis, with all defaults."""
        self.files = Files(self.analysis, str(path))
        """Where everything is."""
        self.published = cache(self._published)
        """The selected seed, by signal and observable."""

    def has(self, name: str) -> bool:
        """Whether there is a file or folder of this name."""
        return (self.path / name).exists()

    def there(self, path: str | Path) -> Path:
        """A path of :attr:`files`.

        Raises:
            InputError: nothing is there.
        """
        if not Path(path).exists():
            raise InputError(
                f"{path} is not there: the workflow has not made it, or it was deleted"
            )
        return Path(path)

    def json(self, name: str) -> Json:
        """Content of a JSON file; empty if it is not there."""
        return read_json(self.path / name) if self.has(name) else {}

    def csv(self, name: str) -> list[Row]:
        """Rows of a table; none if it is not there."""
        return list(read_csv(self.path / name)) if self.has(name) else []

    def within(self, path: str | Path) -> str:
        """A path of :attr:`files` relative to this folder."""
        return str(Path(path).relative_to(self.path))

    @cached_property
    def table(self) -> list[Row]:
        """A row for each signal and observable, of :func:`hone.results.gains.compared`."""
        return self.csv("table.csv")

    def of(self, signal: str) -> list[Row]:
        """The rows of a signal."""
        return [row for row in self.table if row["signal"] == signal]

    def best(self, signal: str) -> Row | None:
        """The row with the lowest expected limit; None if no limit exists."""
        rows = [row for row in self.of(signal) if row["expected_limit"] is not None]
        return min(rows, key=lambda row: row["expected_limit"], default=None)

    def floor(self, signal: str, observable: str | None = None) -> Floor:
        """What no observable can be below, or this one with its systematics; empty if unknown."""
        found: Floor = {}
        for path in self.files.floors(signal):
            found = cast("Floor", self.json(self.within(path)))
        return found.get("of_observables", {}).get(observable or "", found)

    def selected_seed(self, signal: str, observable: str) -> int:
        """The seed that is published; without ``selected.json`` the one that would be."""
        choice = self.files.of_observable("selected.json", signal, observable)
        if Path(choice).exists():
            return int(read_json(choice)["seed"])
        histories = [
            self.there(path)
            for seed in self.analysis.seeds(observable)
            for path in self.files.networks("history.csv", signal, observable, seed)
        ]
        return int(choose_seed(histories)["seed"])

    def _published(self, signal: str, observable: str) -> Published:
        seed = self.selected_seed(signal, observable)
        of_seed = self.files.of_seed(signal, observable, seed)

        def content(path: str) -> Any:
            return self.json(self.within(path))

        def of_observable(name: str) -> Any:
            return content(self.files.of_observable(name, signal, observable))

        histories = self.files.networks("history.csv", signal, observable, seed)
        return Published(
            signal,
            observable,
            seed,
            self.within(of_seed),
            limits=content(f"{of_seed}/limits.json"),
            fit=of_observable("fit.json"),
            likelihood=of_observable("likelihood.json"),
            gradient=of_observable("gradient.json"),
            overtraining=of_observable("overtraining.json"),
            # With folds, no network is validated on the events of all.
            history=self.csv(self.within(histories[0])) if len(histories) == 1 else [],
        )

    def all_published(self) -> Iterator[Published]:
        """The selected seed of every signal and observable."""
        for row in self.table:
            yield self.published(row["signal"], row["observable"])


def _recorded(path: Path) -> Analysis:
    try:
        return Analysis.model_validate(yaml.safe_load(path.read_text()))
    except OSError:
        said = ""
        for where, folder in (("in", path.parent), ("beside", path.parents[1])):
            others = sorted(found.parent.name for found in folder.glob("*/config.yaml"))
            if others:
                said = f"; {where} it there are those of {', '.join(others)}"
                break
        raise InputError(
            f"{path} is not there: {path.parent} has no results of its own{said}"
        ) from None
    except (yaml.YAMLError, ValidationError) as error:
        lines = problems(error) if isinstance(error, ValidationError) else [error]
        raise InputError(
            f"{path} cannot be read by this version of hone: " + "; ".join(map(str, lines))
        ) from error
