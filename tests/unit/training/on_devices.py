"""One of two processes that train on two devices each, for ``test_devices.py``.

Arguments: which process, a port, a folder.
"""

import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from blobs import events, on_disk, trained_with
from test_devices import TRAINING, weights_of

from hone.errors import FitError
from hone.training import loop
from hone.training.checkpoint import Checkpoint

process, port, folder = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
jax.config.update("jax_num_cpu_devices", 2)
jax.distributed.initialize(f"localhost:{port}", 2, process)
sets, settle = events("training"), loop._settle


def train(training=sets, **how):
    return trained_with(training=training, devices=4, **TRAINING, **how)[0]


def killed(*arguments):
    if arguments[1]["step"] > TRAINING["validate_every"]:
        raise FitError("killed")
    return settle(*arguments)


undisturbed = train()
checkpoint = Checkpoint(folder / "checkpoint.safetensors", {"a": "b"})
loop._settle = killed
with pytest.raises(FitError, match="killed"):
    train(checkpoint=checkpoint)
loop._settle = settle
resumed = train(on_disk(sets), checkpoint=checkpoint)
np.savez(
    folder / f"{process}.npz",
    undisturbed=weights_of(undisturbed),
    resumed=weights_of(resumed),
    steps=[row["step"] for row in resumed.history],
)
