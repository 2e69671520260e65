"""Trainings as runs of MLflow: parameters, metrics by step, files."""

import sys
import warnings

import pytest
from settings import observable

from hone.errors import InputError
from hone.running.files import write_csv, write_json
from hone.training.tracking import TrackedRun, write_runs


def training(folder, seed):
    place = folder / "signal" / "neos" / f"seed{seed}"
    rows = [
        {"step": k, "validation_objective": -k / 10, "validation_limit": None} for k in (100, 200)
    ]
    write_csv(place / "history.csv", rows)
    limits = {
        "expected_cls": [0, 0, 1e-6, 0, 0], "expected_limits": [0, 0, 0.2, 0, 0],
        "expected_p0": 1e-3, "sigma_mu": 0.26, "observed_limit": None,
    }  # fmt: skip
    write_json(place / "limits.json", limits)
    write_json(place / "workspace.json", {})
    (place / "model.safetensors").write_bytes(b"weights")
    return TrackedRun("signal", "neos", seed, observable(kind="network"), place)


def test_runs_hold_what_a_training_is(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of MLflow's own dependencies
        from mlflow.tracking import MlflowClient

        write_runs(tmp_path / "mlflow", "blobs", [training(tmp_path, k) for k in (1, 2)])
        client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow' / 'mlflow.db'}")
        experiment = client.get_experiment_by_name("blobs")
        runs = client.search_runs([experiment.experiment_id])
        assert {run.info.run_name for run in runs} == {"signal/neos/seed1", "signal/neos/seed2"}
        run = runs[0]
        assert run.data.params["objective"] == "cls"
        assert run.data.params["hidden"] == "[64, 64]"
        assert run.data.metrics["expected_limit"] == 0.2
        assert "validation_limit" not in run.data.metrics
        steps = client.get_metric_history(run.info.run_id, "validation_objective")
        assert [(m.step, m.value) for m in steps] == [(100, -10.0), (200, -20.0)]
        files = {artifact.path for artifact in client.list_artifacts(run.info.run_id)}
        assert files == {"history.csv", "limits.json", "workspace.json", "model.safetensors"}
        client._tracking_client.store.engine.dispose()


def test_without_mlflow_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(InputError, match=r"not installed; install it with make .* tracking=none"):
        write_runs(tmp_path / "mlflow", "blobs", [])
    assert not (tmp_path / "mlflow").exists()
