"""What a job asks of JAX."""

import os
import subprocess
import sys


def _device(setup: str) -> subprocess.CompletedProcess[str]:
    code = f"from hone.running.script import *; {setup}; import jax; print(jax.default_backend())"
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        env={**os.environ, "JAX_PLATFORMS": "nowhere"},
    )  # fmt: skip


def test_only_trainings_take_the_device_that_there_is() -> None:
    assert _device("setup_jax()").stdout.strip() == "cpu", "fits stay on the CPU"
    assert "nowhere" in _device("setup_jax(accelerated=True)").stderr
