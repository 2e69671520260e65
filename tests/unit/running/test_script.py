"""What a job asks of JAX, and what it says of itself when it fails."""

import json
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


_FAILS = """
from types import SimpleNamespace as Of
from hone.errors import InputError
from hone.running.script import job
with job(
    Of(
        threads=1, log=["logs/a.log"], rule="survey", wildcards={"template": "b__up"},
        input=["bu.root"], output=["results/a/b__up.json"],
        params={"nominal": {"b": ["b.root"]}, "made_by": {"code": "", "versions": {}}},
    )
):
    raise InputError("sample 'b': b.root: no")
"""


def test_a_failed_job_tells_its_files_and_those_of_its_sample(tmp_path):
    """Of a message about one of these, or the other, the rest is the same."""
    assert subprocess.run([sys.executable, "-c", _FAILS], cwd=tmp_path, check=False).returncode
    written = json.loads((tmp_path / "logs" / "a.error").read_text())
    assert written["inputs"] == ["bu.root", "b.root"]
