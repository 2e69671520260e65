"""What the scripts of a run import: each is a process of its own, and JAX or pyhf take a second."""

import ast
import os
import subprocess
import sys
from pathlib import Path

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
NEED_THEM = (
    "setup_jax", "figures.fits", "same_workspace", "publication.likelihoods",
    "publication.selected",
)  # fmt: skip


def imports(script):
    tree = ast.parse(script.read_text())
    found = (n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom))
    return "\n".join(map(ast.unparse, found))


def test_scripts_that_compute_nothing_start_without_jax_and_pyhf():
    light = {
        script.stem: text for script in SCRIPTS.glob("*.py")
        if not any(word in (text := imports(script)) for word in NEED_THEM)
    }  # fmt: skip
    assert {"plot_histograms", "build_workspace", "survey_events"} <= set(light)
    heavy = "print(*{'jax', 'optax', 'pyhf'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(["import sys", *light.values(), heavy])],
        env={**os.environ, "PYTHONPATH": str(SCRIPTS.parent)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == []
