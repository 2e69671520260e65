"""Settings of all tests: one thread, 64 bits, no clock in hypothesis."""

import atexit
import gc
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("NPROC", "1")
os.environ.setdefault("MPLBACKEND", "agg")
# Programs run once: compile them with little optimisation, by the emitters that need less time.
os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + (
    " --xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"
    " --xla_cpu_parallel_codegen_split_count=1"
)
# No program is read by its lines: tracing takes less without them, in jobs of Snakemake too.
os.environ.setdefault("JAX_TRACEBACK_IN_LOCATIONS_LIMIT", "0")
# Several tests compile the same programs, jobs of Snakemake among them: once in a run is enough.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    _CACHE = os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="hone-tests-")
    atexit.register(shutil.rmtree, _CACHE, ignore_errors=True)

import hypothesis
import jax
import pyhf
import pytest

# A shell starts what runs in its background with Ctrl-C ignored, and so would all runs of tests.
signal.signal(signal.SIGINT, signal.default_int_handler)
jax.config.update("jax_enable_x64", True)
# All but tests of several devices use the first.
jax.config.update("jax_num_cpu_devices", 8)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)

hypothesis.settings.register_profile("default", deadline=None, max_examples=20, derandomize=True)
hypothesis.settings.register_profile("nightly", deadline=None, max_examples=200)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


# With `--dist loadfile` a file is one worker's: the long ones first, or one of two cores idles in
# the end. By the time that they take, those that wait before those that compute.
LONGEST = (
    "test_workflow", "test_export", "test_later_runs", "test_reports", "test_reruns",
    "test_ntuples", "test_kills", "test_zprime", "test_forked_jobs", "test_forked_kills",
    "test_elsewhere", "test_gradients", "test_training", "test_infer", "test_objectives",
    "test_safeguards", "test_devices", "test_own_network", "test_film", "test_figures",
    "test_references", "test_toy_tests", "test_together", "test_arrays",
    "test_streamed_histograms", "test_fits", "test_regions", "test_batches", "test_checkpoint",
    "test_best_fits", "test_observable", "test_expansion", "test_examples", "test_images",
    "test_optimiser",
)  # fmt: skip
# Files with one clone of the workflow: one worker's, too, or its analysis would run in each.
ONE_CLONE = ("test_workflow", "test_export", "test_later_runs", "test_reports")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file = super()._split_scope(nodeid)
            return "one clone" if Path(file).stem in ONE_CLONE else file

    return Scheduling(config, log)


def pytest_collection_finish():
    """Modules stay, and traces are a million short-lived objects: look for garbage less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def pytest_collection_modifyitems(items):
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


@pytest.fixture(autouse=True)
def _precise_pyhf():
    """The oracle's fits as good as they get."""
    pyhf.set_backend("numpy", pyhf.optimize.scipy_optimizer(tolerance=1e-12))


@pytest.fixture(autouse=True)
def _close_figures():
    """Where matplotlib is in use: figures that are left open stay in memory."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
