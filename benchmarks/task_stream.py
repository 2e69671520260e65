"""Reading, scoring and histogramming of ntuples: ``task_stream.py (iterate|fill) <file> [jets]``.

``iterate`` is uproot alone over the same branches. With ``jets`` two of the four features are of a
branch with several values for each event. Both report the time, that of all threads on the CPU,
and the peak memory.
"""

import resource
import sys
import time

import jax
import numpy as np
import uproot
from clock import report, seconds
from ntuples import FEATURES, OF_JETS, SYSTEMATICS

from hone.analysis import Template
from hone.analysis.expressions import Expression
from hone.analysis.observables import Network
from hone.analysis.regions import ONE_REGION
from hone.analysis.sections import Split
from hone.events.sources import Source
from hone.events.stream import fill_histograms
from hone.observable import create_observable

jax.config.update("jax_enable_x64", True)

what, path, *rest = sys.argv[1:]
features, library = (OF_JETS, "ak") if rest == ["jets"] else (FEATURES, "np")
VARIED = [f"{k}_{side}" for k in range(SYSTEMATICS) for side in ("up", "down")]
WEIGHTS = {"background": "w"} | {f"background__s{name}": f"w{name}" for name in VARIED}


def iterate() -> int:
    """All branches, converted to arrays and let go."""
    read = {name for text in features for name in Expression(text).branches}
    wanted = {*read, *WEIGHTS.values()}
    with uproot.open({path: "events"}) as tree:
        return sum(
            len(columns["w"])
            for columns in tree.iterate(
                filter_name=lambda name: name in wanted, step_size="32 MB", library=library
            )
        )


def fill() -> float:
    """All events, as the rule fill_histograms does; none is in another set."""
    everything = Split.model_construct(training=0.0, validation=0.0)
    source = Source(Template("background"), (path,), "events", WEIGHTS, everything)
    sets = {name: {"events": 1, "weight": 1.0} for name in ("training", "validation", "evaluation")}
    surveys = {"background": {"sets": sets, "factor": 1.0}}
    found = fill_histograms([observable], [source], [ONE_REGION], surveys, features)
    return float(found["hard"]["background"].values.sum())


observable = create_observable(
    Network(name="network", kind="network", objective="cls", bins=5, hidden=[64, 64]), features,
    np.random.default_rng(0).normal(size=(1000, 4)), jax.random.key(0),
)  # fmt: skip
start = time.process_time()
took, result = seconds({"iterate": iterate, "fill": fill}[what])
cpu = time.process_time() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
report(seconds=took, cpu=cpu, peak=peak, result=result)
