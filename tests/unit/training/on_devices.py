"""Two processes that train on two devices each, for ``test_devices.py`` (port, folder)."""

import os
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from blobs import events, on_disk, trained_with
from test_devices import TRAINING, weights_of

from hone.errors import FitError, InputError
from hone.running.processes import _LAUNCHED, end_with_error
from hone.training import loop
from hone.training.checkpoint import Checkpoint
from hone.training.devices import in_first_process

port, folder = sys.argv[1], Path(sys.argv[2])
# What is imported is imported once; JAX has not started anything.
other = os.fork()
process = int(other == 0)
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
jax.config.update("jax_num_cpu_devices", 2)
jax.distributed.initialize(f"localhost:{port}", 2, process)
sets, settle, settled = events("training"), loop._settle, []


def train(training):
    return trained_with(training=training, devices=4, checkpoint=checkpoint, **TRAINING)[0]


def settle_first(standing, row, patience):
    if row["step"] > TRAINING["validate_every"]:
        raise FitError("killed")
    return settle(standing, row, patience)


def settle_rest(standing, row, patience):
    settled.append(row["step"])
    return settle(standing, row, patience)


checkpoint = Checkpoint(folder / "checkpoint.safetensors", {"a": "b"})
loop._settle = settle_first
with pytest.raises(FitError, match="killed"):
    train(sets)
loop._settle = settle_rest
weights = weights_of(train(on_disk(sets)))
np.savez(folder / f"{process}.npz", weights=weights, settled=settled)
in_first_process(int)()  # both have come so far
# The second one fails; the first one waits for it.
sys.argv[1:] = [_LAUNCHED]
if process == 0:
    with pytest.raises(InputError, match="another process has failed"):
        in_first_process(int)()
    assert os.waitstatus_to_exitcode(os.waitpid(other, 0)[1]) == 1
end_with_error()
