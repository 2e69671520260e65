"""What the scripts import: on a cluster each does so itself, and JAX or pyhf take a second."""

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


def imported_by(scripts, *modules):
    """Which of the modules the scripts import, by their names."""
    heavy = f"print(*{set(modules)} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(["import sys", *scripts, heavy])],
        env={**os.environ, "PYTHONPATH": str(SCRIPTS.parent)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.split()


def test_scripts_that_compute_nothing_start_without_jax_and_pyhf():
    light = {
        script.stem: text for script in SCRIPTS.glob("*.py")
        if not any(word in (text := imports(script)) for word in NEED_THEM)
    }  # fmt: skip
    assert {"plot_histograms", "build_workspace", "survey_events"} <= set(light)
    assert imported_by(light.values(), "jax", "optax", "pyhf", "scipy.stats") == []


def test_scripts_that_only_score_events_start_without_pyhf():
    scoring = (SCRIPTS / f"{name}.py" for name in ("bin_variable", "fill_histograms", "plot_plane"))
    assert imported_by(map(imports, scoring), "pyhf", "scipy.stats", "optax") == []


def test_the_logger_plugin_does_not_bring_hone():
    """Snakemake imports it before the rules say where hone is, which would be another."""
    assert imported_by(["import snakemake_logger_plugin_hone"], "hone", "hone.running") == []
