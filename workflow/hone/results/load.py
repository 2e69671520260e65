"""The results of an analysis in Python, for notebooks: ``hone.load("results/mine")``.

Names are those of files and configs. A mapping completes them in IPython and Jupyter, and a wrong
one raises an error that lists those that exist. Files are read when they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import chdir
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hone.analysis import Analysis, parts
from hone.analysis.paths import is_remote
from hone.analysis.sections import SETS
from hone.errors import InputError
from hone.results.documents import Limits
from hone.results.folder import Folder
from hone.results.named import Named, UnknownNameError
from hone.results.trained_observable import TrainedObservable
from hone.running.files import Row, read_csv, read_json
from hone.running.root_files import root_file

if TYPE_CHECKING:  # seconds, for what only some ask for
    import awkward as ak
    import hist
    import pandas as pd
    import pyhf

__all__ = ["Results", "ResultsOfSeed", "load"]


def load(folder: str | Path) -> Results:
    """The results of an analysis.

    Args:
        folder: ``results/<analysis>``, wherever it lies.

    Raises:
        InputError: there are no results in it.
    """
    return Results(folder)


class Results(Named[Named["ResultsOfSeed"]]):
    """A results folder; ``results["signal"]["neos"]`` is an observable trained for a signal."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder).absolute()
        """Where the results are."""
        self._of = Folder(self.folder)
        self.analysis = self._of.analysis
        """The settings of the analysis, with all defaults."""
        self._files = self._of.files
        super().__init__(str(folder), self.analysis.signals, self._of_signal)

    def _of_signal(self, signal: str) -> Named[ResultsOfSeed]:
        return Named(
            f"{self._what}/{signal}",
            self._files.observables,
            lambda observable: ResultsOfSeed(self, signal, observable),
        )

    @property
    def comparison(self) -> pd.DataFrame:
        """``comparison.csv``: all numbers, a row for each signal, observable and seed."""
        return _frame(read_csv(self._of.there(self.folder / "comparison.csv")))

    @property
    def events(self) -> Named[Named[ak.Array]]:
        """Events by set (``training``, ``validation``, ``evaluation``, ``observed``) and template,
        as :func:`hone.events.selected.selected_events` has them: those in regions with the
        observable, with their features, weights, and what else tells them apart.

        Of an analysis with folds all simulated events are in ``evaluation``. Data are not there
        while the analysis is blind.
        """
        sets: list[str] = ["evaluation"] if self.analysis.split.folds else list(SETS)
        with chdir(self._root):
            sets += ["observed"] if self._files.observed else []
        return Named(f"the events of {self._what}", sets, self._of_set)

    @property
    def _root(self) -> Path:
        """Where the workflow ran: paths of the config are relative to it."""
        return self.folder.parents[1]

    def _of_set(self, events_set: str) -> Named[ak.Array]:
        samples = self.analysis.simulated
        names = [template.name for template in self.analysis.event_templates(samples)]
        if events_set == "observed":
            names = [sample.name for sample in self.analysis.data] or ["data"]
        return Named(
            f"the {events_set} events of {self._what}",
            names,
            lambda name: self._events(events_set, name),
        )

    def _events(self, events_set: str, name: str) -> ak.Array:
        import awkward as ak

        from hone.events.load import read_surveys
        from hone.events.selected import selected_events
        from hone.events.sources import BinnedSource, observed_source, sources

        with chdir(self._root):
            if events_set == "observed":
                source, surveys = observed_source(self.analysis, self._files.observed), {}
                events_set = "evaluation"
            else:
                (source,) = sources(self.analysis, self._files.events_of([name], events_set))
                of = {name, source.sample}
                surveys = read_surveys([self._of.there(path) for path in self._files.surveys(of)])
            if isinstance(source, BinnedSource):
                raise InputError(f"{source} is given as histograms: there are no events of it")
            columns = selected_events(
                source, events_set, self.analysis.features, self.analysis.channels, surveys
            )
        return ak.Array(columns)


class ResultsOfSeed:
    """An observable for a signal hypothesis: the selected seed, or another one.

    Args:
        results: of the analysis.
        signal: the hypothesis.
        observable: the name.
        seed: which one; by default the selected one, the best in validation.
    """

    def __init__(
        self, results: Results, signal: str, observable: str, seed: int | None = None
    ) -> None:
        self._results, self.signal, self.name = results, signal, observable
        self.seeds = list(results.analysis.seeds(observable))
        """All seeds."""
        self.seed = results._of.selected_seed(signal, observable) if seed is None else seed
        """Which of them this is."""
        if self.seed not in self.seeds:
            there = ", ".join(map(str, self.seeds))
            raise UnknownNameError(f"{observable} has no seed {seed}; there is {there}")

    def __repr__(self) -> str:
        return f"{self.name} for {self.signal}, seed {self.seed} of {len(self.seeds)}"

    def of_seed(self, seed: int) -> ResultsOfSeed:
        """The same of another seed.

        Raises:
            UnknownNameError: there is no such seed.
        """
        return ResultsOfSeed(self._results, self.signal, self.name, seed)

    @property
    def folder(self) -> Path:
        """Where the results of the seed are."""
        return Path(self._results._files.of_seed(self.signal, self.name, self.seed))

    @property
    def histograms(self) -> Named[Any]:
        """The counted histograms: :class:`hist.Hist` by template, e.g. ``["background"]`` or
        ``["background", "shape", "up"]``; with several regions, by region first."""
        return self._histograms("hard")

    @property
    def soft_histograms(self) -> Named[Any]:
        """The same as training sees them: sums of the shares of events."""
        return self._histograms("soft")

    @property
    def observed(self) -> hist.Hist[Any] | Named[Any]:
        """The observation; with several regions, by region."""
        found = self._histograms("observed")
        if "data" in found:
            return found["data"]
        return Named(f"the observation of {self}", found, lambda region: found[region]["data"])

    @property
    def workspace(self) -> pyhf.Workspace:
        """The statistical model with the observation."""
        import pyhf

        return pyhf.Workspace(read_json(self._file("workspace.json")))

    @property
    def limits(self) -> Limits:
        """Limits, CLs, p0 and sigma_mu, as in ``limits.json``."""
        return cast("Limits", read_json(self._file("limits.json")))

    @property
    def history(self) -> pd.DataFrame:
        """The training, a row for each validation; with folds those of all, and their number."""
        paths = self._networks("history.csv")
        if len(paths) == 1:
            return _frame(read_csv(paths[0]))
        rows = ({"fold": k, **row} for k, path in enumerate(paths, 1) for row in read_csv(path))
        return _frame(list(rows))

    @property
    def observable(self) -> TrainedObservable:
        """What maps events to scores and bins, to be called."""
        return TrainedObservable(self._networks("model.safetensors"))

    def write_scores(
        self,
        folder: str | Path,
        template: str | tuple[str, ...],
        files: Iterable[str | Path] | None = None,
    ) -> list[Path]:
        """Write scores, bins and weights of ntuples as friends of their trees, piece by piece.

        What is in them: :func:`hone.events.friends.write_friends`.

        Args:
            folder: of the new files.
            template: sample, or variation with events of its own, as whose the events are read.
            files: to read instead of those of the template; without weights then, which are those
                of all its files together.

        Returns:
            Paths of the new files, one for each file that is read.

        Raises:
            InputError: there is no such template, or the files cannot be used.
        """
        results = self._results
        place = Path(folder).absolute()
        others = None if files is None else [_absolute(path) for path in files]
        with chdir(results._root):
            names = results._files.scored(self.signal, self.name)
            return Named(
                f"the events for {self}", names, lambda name: self._write(place, name, others)
            )[template]

    def _write(self, folder: Path, name: str, files: list[str] | None) -> list[Path]:
        import jax

        from hone.events.friends import write_friends
        from hone.events.load import read_surveys
        from hone.events.sources import data_source, sources
        from hone.results.scored_regions import with_scored_regions

        known = self._results._files
        analysis = Analysis.model_validate(
            parts.of_scores(self._results.analysis, self.signal, self.name)
        )
        paths = known.events_of([name], "evaluation")
        if name in [sample.name for sample in analysis.data]:
            source, surveys = data_source(analysis, paths[name]), {}
        else:
            (source,) = sources(analysis, paths)
            surveys = read_surveys(known.surveys({name, source.sample}))
        if files is not None:
            source = replace(source, files=tuple(files), weights={name: "1"})
        others = [self._results._of.there(p) for p in known.of_regions(self.signal, self.name)]
        networks = self.observable.networks
        made_by = {"observable": self.name, "signal": self.signal, "seed": self.seed}
        with jax.enable_x64(True):
            analysis = with_scored_regions(analysis, others)
            return write_friends(
                networks, source, analysis.channels, surveys, folder, made_by, files is None
            )

    def _networks(self, name: str) -> list[Path]:
        results = self._results
        paths = results._files.networks(name, self.signal, self.name, self.seed)
        return [results._of.there(path) for path in paths]

    def _file(self, name: str) -> Path:
        return self._results._of.there(self.folder / name)

    def _histograms(self, group: str) -> Named[Any]:
        path = self._file("histograms.root")
        with root_file(path) as file:
            kinds = file[group].classnames(recursive=True, cycle=False)

        def inside(folder: str) -> Named[Any]:
            depth = f"{folder}/" if folder else ""
            names = [n[len(depth) :] for n in kinds if n.startswith(depth)]
            return Named(
                f"the {group} histograms of {self}" + (f", region {folder}" if folder else ""),
                [name for name in names if "/" not in name],
                lambda name: read(f"{depth}{name}"),
            )

        def read(name: str) -> Any:
            if kinds[name].startswith("TDirectory"):
                return inside(name)
            with root_file(path) as file:
                return file[f"{group}/{name}"].to_hist()

        return inside("")


def _absolute(path: str | Path) -> str:
    return str(path) if is_remote(str(path)) else str(Path(path).absolute())


def _frame(rows: list[Row]) -> pd.DataFrame:
    try:
        import pandas as pd
    except ImportError as error:
        raise InputError("this table is a DataFrame of pandas: pip install pandas") from error
    return pd.DataFrame(rows)
