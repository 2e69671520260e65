"""The rules that train observables: what a job of each trains, and writes."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from hone.analysis.files import Files
from hone.analysis.observables import Trained
from hone.analysis.settings import Plain
from hone.analysis.short_names import underscored

__all__ = ["Training", "Trials", "trainings"]

_FILES = {
    "models": "model.safetensors",
    "histories": "history.csv",
    "snapshots": "snapshots.safetensors",
}


class Training(NamedTuple):
    """A rule that trains."""

    rule: str
    observables: list[str]
    job: str
    """What its log is called, within the folder of signal and observable."""
    called: str
    """What its message calls it."""
    folders: list[str]
    """Where a job writes, in the place of ``seed{seed}``."""
    minutes: int = 120
    """That a job may take."""
    files: Mapping[str, str] = MappingProxyType(_FILES)
    """That it writes there, by name of the output."""

    def outputs(self, network: str) -> dict[str, list[str]]:
        """Its files by name of the output.

        Args:
            network: the folder of a network, with ``seed{seed}``.
        """
        folders = [network.replace("seed{seed}", folder) for folder in self.folders]
        return {key: [f"{folder}/{name}" for folder in folders] for key, name in self.files.items()}


def trainings(files: Files) -> list[Training]:
    """The rules that train: seeds alone and together, and trials of settings that are searched.

    Of a trial only its history is of use: it may fail, and the best one is trained again.
    """
    analysis, one = files.analysis, "seed{seed}"
    names = analysis.of_kind(Trained)
    together = [name for name in names if analysis.observable(name).setting("together")]
    alone = [name for name in names if name not in together]
    found = [Training("train_observable", alone, one, "seed {wildcards.seed}", [one])]
    for name in together:
        rule = f"train_together_{underscored(name)}"
        folders = [f"seed{seed}" for seed in analysis.seeds(name)]
        found.append(Training(rule, [name], "all_seeds", "all seeds", folders, 240))
    trial, called = "trials/trial{trial}", "trial {wildcards.trial}"
    folders, only = [f"{trial}/seed1"], {"histories": "history.csv"}
    return [*found, Training("train_trial", files.tuned, trial, called, folders, files=only)]


class Trials:
    """What rules need of the trials of settings that are searched, as functions of wildcards.

    Args:
        files: of the analysis.
    """

    def __init__(self, files: Files) -> None:
        self._files = files

    def histories(self, wildcards: Any) -> list[str]:
        """Those of every trial of ``{observable}``."""
        return self._files.of_trials("history.csv", wildcards.signal, wildcards.observable)

    def settings(self, wildcards: Any) -> dict[int, Plain]:
        """Those of each trial of ``{observable}``, by its number."""
        return self._files.trials(wildcards.observable)

    def chosen(self, wildcards: Any) -> list[str]:
        """Where the settings are that were chosen for ``{observable}``; a trial needs none."""
        name = wildcards.observable
        if name not in self._files.tuned or hasattr(wildcards, "trial"):
            return []
        return [self._files.of_observable("tuned.json", wildcards.signal, name)]
