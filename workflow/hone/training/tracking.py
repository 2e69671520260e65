"""Trainings as runs of MLflow, in a local store without a server."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hone.analysis.observables import ObservableSettings
from hone.analysis.settings import plain
from hone.errors import InputError
from hone.running.files import read_csv, read_json

__all__ = ["TrackedRun", "refuse_without_mlflow", "write_runs"]


@dataclass(frozen=True)
class TrackedRun:
    """A training: its names, settings, and the folder of its files."""

    signal: str
    observable: str
    seed: int
    settings: ObservableSettings
    folder: Path
    """With ``history.csv``, ``limits.json``, ``workspace.json`` and ``model.safetensors``."""


def refuse_without_mlflow() -> None:
    """Say so where MLflow is missing: the workflow does before its first job.

    Raises:
        InputError: MLflow is not installed.
    """
    if find_spec("mlflow") is None:
        raise InputError(
            "tracking: mlflow is set, but MLflow is not installed; install it with "
            "make .venv/.dev, or do without: --config tracking=none"
        )


def write_runs(store: str | Path, analysis: str, runs: Sequence[TrackedRun]) -> None:
    """Write a new SQLite store with one experiment for the analysis and one run per training.

    Settings are parameters, the columns of the history metrics by step, the numbers of the limits
    metrics of the whole run, and the files artifacts.

    Args:
        store: folder for ``mlflow.db`` and ``artifacts``.
        analysis: name of the experiment.
        runs: the trainings.

    Raises:
        InputError: MLflow is not installed.
    """
    refuse_without_mlflow()
    # No telemetry, no git.
    os.environ.update({"MLFLOW_DISABLE_TELEMETRY": "true", "GIT_PYTHON_REFRESH": "quiet"})
    from mlflow.entities import Metric, Param
    from mlflow.tracking import MlflowClient

    folder = Path(store).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    place = (folder / "artifacts").as_uri()
    experiment = client.create_experiment(analysis, artifact_location=place)
    for run in runs:
        name = f"{run.signal}/{run.observable}/seed{run.seed}"
        started = client.create_run(experiment, run_name=name)
        known = {"signal": run.signal, "seed": run.seed, **plain(run.settings)}
        parameters = [Param(key, str(value)) for key, value in known.items()]
        metrics = [
            Metric(key, value, 0, int(row["step"]))
            for row in read_csv(run.folder / "history.csv")
            for key, value in row.items()
            if key != "step" and _is_number(value)
        ]
        limits = read_json(run.folder / "limits.json")
        # Medians on nominal Asimov data.
        merits = {
            "expected_cls": limits["expected_cls"][2],
            "expected_limit": limits["expected_limits"][2],
            **{key: limits[key] for key in ("expected_p0", "sigma_mu", "observed_limit")},
        }
        metrics += [Metric(k, value, 0, 0) for k, value in merits.items() if _is_number(value)]
        identity = started.info.run_id
        client.log_batch(identity, params=parameters)
        for first in range(0, len(metrics), 1000):
            client.log_batch(identity, metrics=metrics[first : first + 1000])
        for file in ("model.safetensors", "history.csv", "limits.json", "workspace.json"):
            client.log_artifact(identity, str(run.folder / file))
        client.set_terminated(identity)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
