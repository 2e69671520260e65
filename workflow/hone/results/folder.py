"""The results of an analysis in Python, for notebooks: ``hone.load("results/mine")``.

Names are those of files and configs. A mapping completes them in IPython and Jupyter, and a wrong
one raises an error that lists those that exist. Files are read when they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import chdir
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import numpy as np
import yaml
from pydantic import ValidationError

from hone.analysis import Analysis, Template, parts
from hone.analysis.analysis import SETS
from hone.analysis.expressions import Expression
from hone.analysis.files import Files
from hone.analysis.paths import is_remote
from hone.analysis.settings import problems
from hone.errors import InputError
from hone.results.documents import Limits
from hone.results.seed_choice import choose_seed
from hone.running.files import read_csv, read_json
from hone.running.root_files import root_file

if TYPE_CHECKING:  # seconds, for what only some ask for
    import awkward as ak
    import hist
    import pandas as pd
    import pyhf

    from hone.observable import Observable
    from hone.observable.scores import Scores

__all__ = ["Named", "Results", "ResultsOfSeed", "TrainedObservable", "UnknownNameError", "load"]

T = TypeVar("T")


class UnknownNameError(InputError, KeyError):
    """There is nothing of this name; the message lists what there is."""

    __str__ = Exception.__str__  # KeyError's shows its message in quotes


class Named(Mapping[str, T], Generic[T]):
    """Things by name, each read when it is asked for.

    A template may also be given by sample, systematic and side: ``["background", "shape", "up"]``.
    """

    def __init__(self, what: str, names: Iterable[str], read: Callable[[str], T]) -> None:
        self._what, self._names, self._read = what, list(names), read

    def __getitem__(self, name: str | tuple[str, ...]) -> T:
        wanted = Template(*name).name if isinstance(name, tuple) else name
        if wanted not in self._names:
            there = ", ".join(self._names) or "nothing"
            raise UnknownNameError(f"there is no {wanted!r} in {self._what}; there is {there}")
        return self._read(wanted)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __repr__(self) -> str:
        return f"{self._what}: {', '.join(self._names)}"

    def _ipython_key_completions_(self) -> list[str]:
        return self._names


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
        self.analysis = _recorded(self.folder / "config.yaml")
        """The settings of the analysis, with all defaults."""
        self._files = Files(self.analysis, str(self.folder))
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
        return _frame(read_csv(_there(self.folder / "comparison.csv")))

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
                surveys = read_surveys([_there(Path(path)) for path in self._files.surveys(of)])
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
        self.seed = self._selected() if seed is None else seed
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
        return self._results.folder / self.signal / self.name / f"seed{self.seed}"

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
        networks = self.observable.networks
        made_by = {"observable": self.name, "signal": self.signal, "seed": self.seed}
        with jax.enable_x64(True):
            return write_friends(
                networks, source, analysis.channels, surveys, folder, made_by, files is None
            )

    def _selected(self) -> int:
        choice = self._results.folder / self.signal / self.name / "selected.json"
        if choice.exists():
            return int(read_json(choice)["seed"])
        histories = [p for seed in self.seeds for p in self._networks("history.csv", seed)]
        return int(choose_seed(histories)["seed"])

    def _networks(self, name: str, seed: int | None = None) -> list[Path]:
        files = self._results._files
        paths = files.networks(name, self.signal, self.name, seed or self.seed)
        return [_there(Path(path)) for path in paths]

    def _file(self, name: str) -> Path:
        return _there(self.folder / name)

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


class TrainedObservable:
    """Scores and bins of events, from their features.

    JAX's 64-bit mode, which it needs, is on within its calls only.

    Args:
        paths: ``model.safetensors``, with folds that of each.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        import jax

        from hone.observable import load_observable

        with jax.enable_x64(True):
            self.networks: list[Observable] = [load_observable(path)[0] for path in paths]
            """The observable, or the network of each fold."""
            self.edges = [np.asarray(network.edges) for network in self.networks]
            """Bin edges of each, rising (B + 1,)."""
        self.features = self.networks[0].features
        """Expressions, in order (F)."""

    def __repr__(self) -> str:
        bins = ", ".join(f"{low:.4g} to {high:.4g}" for low, high in pairwise(self.edges[0]))
        return f"observable of {', '.join(self.features)} with the bins {bins}"

    def __call__(self, events: Any, fold: Any = None) -> Scores:
        """Scores (n,) and bins (n,) of events, NaN and -1 for those that fail a cut.

        Args:
            events: columns by name (of awkward, pandas, a dict, uproot's arrays) with the features,
                or with the branches that these are computed of; or a matrix (n, F).
            fold: (with folds) of each event, from 1; the column ``fold`` if not given.

        Raises:
            InputError: a column is missing, an event has no fold or no score.
        """
        import jax

        from hone.observable.scores import score_events

        matrix = self._matrix(events)
        if len(self.networks) > 1:
            fold = _column(events, "fold") if fold is None else np.asarray(fold)
            fold = np.broadcast_to(fold, len(matrix))
            if not np.isin(fold, np.arange(1, len(self.networks) + 1)).all():
                raise InputError(f"folds are numbers from 1 to {len(self.networks)}")
        else:
            fold = None
        with jax.enable_x64(True):
            return score_events(self.networks, matrix, fold)

    def _matrix(self, events: Any) -> np.ndarray:
        """Features (n, F) of events, float64."""
        there = _names(events)
        if not there:
            matrix = np.asarray(events, dtype=float)
            if matrix.ndim != 2 or matrix.shape[1] != len(self.features):
                raise InputError(
                    f"a matrix of shape {matrix.shape} is given for {len(self.features)} features "
                    f"({', '.join(self.features)}); it must be (events, features)"
                )
            return matrix
        columns = []
        for feature in self.features:
            if feature in there:
                columns.append(_column(events, feature))
                continue
            expression = Expression(feature)
            branches = {name: _column(events, name) for name in expression.branches}
            columns.append(np.asarray(expression(branches)))
        return np.stack([np.asarray(column, dtype=float) for column in columns], axis=1)


def _absolute(path: str | Path) -> str:
    return str(path) if is_remote(str(path)) else str(Path(path).absolute())


def _names(events: Any) -> list[str]:
    """Names of the columns of a table of awkward, NumPy or pandas, or of a mapping."""
    names = getattr(getattr(events, "dtype", None), "names", None)
    names = names or getattr(events, "fields", None)
    return list(names or (events.keys() if hasattr(events, "keys") else ()))


def _column(events: Any, name: str) -> np.ndarray:
    there = _names(events)
    if name not in there:
        raise UnknownNameError(f"the events have no column {name!r}; there is {', '.join(there)}")
    return np.asarray(events[name])


def _recorded(path: Path) -> Analysis:
    try:
        return Analysis.model_validate(yaml.safe_load(path.read_text()))
    except OSError:
        others = sorted(found.parent.name for found in path.parents[1].glob("*/config.yaml"))
        raise InputError(
            f"{path} is not there: {path.parent} has no results"
            + (f"; beside it there are those of {', '.join(others)}" if others else "")
        ) from None
    except (yaml.YAMLError, ValidationError) as error:
        lines = problems(error) if isinstance(error, ValidationError) else [error]
        raise InputError(
            f"{path} cannot be read by this version of hone: " + "; ".join(map(str, lines))
        ) from error


def _there(path: Path) -> Path:
    if not path.exists():
        raise InputError(f"{path} is not there: the workflow has not made it, or it was deleted")
    return path


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    try:
        import pandas as pd
    except ImportError as error:
        raise InputError("this table is a DataFrame of pandas: pip install pandas") from error
    return pd.DataFrame(rows)
