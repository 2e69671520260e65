"""Trainings on several devices, of one process or of two, are those on one."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from blobs import chosen, numbers, trained_with
from pydantic import ValidationError

from hone.errors import InputError
from hone.training.devices import ONE_DEVICE, Devices

TRAINING = {"objective": "bce", "edges": "equal", "steps": 20, "validate_every": 10}


def weights_of(trained):
    return np.concatenate([x.ravel() for x in numbers(trained.observable.network)])


def test_two_processes_train_resume_and_end(tmp_path):
    """As one of one device trains, killed in between and resumed from one checkpoint, with the
    events on disk. In the end one fails, and no other waits for it."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("on_devices.py"), str(port), tmp_path],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True, text=True, timeout=250, check=False,
    )  # fmt: skip
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    alone = weights_of(trained_with(**TRAINING)[0])
    for own in range(2):
        found = np.load(tmp_path / f"{own}.npz")
        np.testing.assert_allclose(found["weights"], alone, rtol=1e-4, atol=1e-5)
        assert found["settled"].tolist() == [20]


def test_devices_that_are_not_there_are_an_error_that_names_the_setting():
    with pytest.raises(InputError, match=r"^devices: 10 are asked for, and JAX sees 8 \(cpu\)"):
        trained_with(devices=10, **TRAINING)
    with pytest.raises(ValidationError, match="the batch of 1000 is not a multiple of 3"):
        chosen(devices=3)
    assert Devices.of(1) is ONE_DEVICE
    vanished = jax.errors.JaxRuntimeError("NCCL")
    refused = pytest.raises(InputError, match=r"^devices: one of 2 has failed.*resumes.*NCCL")
    with refused, Devices.of(2).named():
        raise vanished
    full = jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory")
    for devices, error in ((ONE_DEVICE, vanished), (Devices.of(2), full)):
        with pytest.raises(jax.errors.JaxRuntimeError), devices.named():
            raise error
