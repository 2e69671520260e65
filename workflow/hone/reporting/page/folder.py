"""The results folder of an analysis, as the page reads it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from hone.analysis import Analysis
from hone.analysis.files import Files
from hone.results.documents import Row
from hone.running.files import read_csv, read_json

__all__ = ["Folder", "Published"]


@dataclass(frozen=True)
class Published:
    """The selected seed of an observable. Files that are not there are empty."""

    signal: str
    observable: str
    seed: int
    limits: dict[str, Any]
    fit: dict[str, Any]
    likelihood: dict[str, Any]
    gradient: dict[str, Any]
    history: list[Row]

    @property
    def place(self) -> str:
        """Its folder within that of the analysis."""
        return f"{self.signal}/{self.observable}/seed{self.seed}"


class Folder:
    """``results/<analysis>``; a table or a JSON file that is not there is empty."""

    def __init__(self, path: Path) -> None:
        self.path = path
        config = yaml.safe_load((path / "config.yaml").read_text())
        self.analysis = Analysis.model_validate(config)
        self.files = Files(self.analysis, str(path))

    def has(self, name: str) -> bool:
        """Whether there is a file or folder of this name."""
        return (self.path / name).exists()

    def json(self, name: str) -> dict[str, Any]:
        """Content of a JSON file."""
        return read_json(self.path / name) if self.has(name) else {}

    def csv(self, name: str) -> list[Row]:
        """Rows of a table."""
        return list(read_csv(self.path / name)) if self.has(name) else []

    def within(self, path: str) -> str:
        """A path of :class:`.Files` relative to this folder."""
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

    def floor(self, signal: str, observable: str) -> dict[str, Any]:
        """What the observable cannot be below."""
        found = self.json(f"{signal}/floor.json")
        own: dict[str, Any] = found.get("of_observables", {}).get(observable, found)
        return own

    def published(self, signal: str, observable: str) -> Published:
        """The selected seed."""
        if (signal, observable) not in self._published:
            self._published[signal, observable] = self._read(signal, observable)
        return self._published[signal, observable]

    @cached_property
    def _published(self) -> dict[tuple[str, str], Published]:
        return {}

    def _read(self, signal: str, observable: str) -> Published:
        place = f"{signal}/{observable}"
        seed = self.json(f"{place}/selected.json").get("seed", 1)
        histories = self.files.networks("history.csv", signal, observable, seed)
        return Published(
            signal,
            observable,
            seed,
            limits=self.json(f"{place}/seed{seed}/limits.json"),
            fit=self.json(f"{place}/fit.json"),
            likelihood=self.json(f"{place}/likelihood.json"),
            gradient=self.json(f"{place}/gradient.json"),
            # With folds, no network is validated on the events of all.
            history=self.csv(self.within(histories[0])) if len(histories) == 1 else [],
        )

    def all_published(self) -> Iterator[Published]:
        """The selected seed of every signal and observable."""
        for row in self.table:
            yield self.published(row["signal"], row["observable"])
