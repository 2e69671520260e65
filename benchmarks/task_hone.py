"""One benchmark of hone in a fresh process: ``task_hone.py <task> [arguments]``."""

import sys

import jax
import numpy as np
from clock import median_seconds, report, seconds
from models import MODELS, model, observation

from hone.likelihood import infer
from hone.likelihood.histfactory import from_pyhf
from hone.running.script import setup_jax

jax.config.update("jax_enable_x64", True)


def limits(name: str, repeats: str) -> None:
    """Observed and five expected limits: the first call, then warm ones."""
    oracle = model(*MODELS[name])
    data, compiled = observation(oracle), from_pyhf(oracle)
    observed, expected = infer.upper_limit(data, compiled)
    warm = median_seconds(lambda: float(infer.upper_limit(data, compiled)[0]), int(repeats))
    report(limits=[float(observed), *map(float, expected)], warm=warm)


def once(name: str) -> None:
    """The same, once, in a process set up as a rule of the workflow sets it up."""
    setup_jax(brief=True)
    oracle = model(*MODELS[name])
    observed, expected = infer.upper_limit(observation(oracle), oracle)
    report(limits=[float(observed), *map(float, expected)])


def tests(name: str, *mus: str) -> None:
    """CLs, observed and expected, at some POI values."""
    oracle = model(*MODELS[name])
    data, compiled = observation(oracle), from_pyhf(oracle)
    found = [infer.hypotest(float(mu), data, compiled, return_expected_set=True) for mu in mus]
    report(cls=[[float(observed), *map(float, expected)] for observed, expected in found])


def toys(name: str, ntoys: str) -> None:
    """CLs from toys at mu = 1."""
    oracle = model(*MODELS[name])
    cls = infer.hypotest(
        1.0, observation(oracle), oracle, calctype="toybased", ntoys=int(ntoys), rng=1
    )
    report(cls=cls)


def gradient(name: str) -> None:
    """Expected CLs at mu = 1 and its gradient in the yields, warm."""
    from hone.training.objectives import log_cls

    compiled = from_pyhf(model(*MODELS[name]))

    def cls(nominal):
        return jax.numpy.exp(log_cls(compiled.replace(nominal=nominal)))

    step = jax.jit(jax.value_and_grad(cls))
    first, (value, slope) = seconds(lambda: jax.block_until_ready(step(compiled.nominal)))
    warm = median_seconds(lambda: jax.block_until_ready(step(compiled.nominal)), 200)
    report(first=first, warm=warm, cls=value, gradient=np.asarray(slope).ravel().tolist())


def evaluations(name: str) -> None:
    """Evaluations of the likelihood in a free fit from the suggested start."""
    from hone.likelihood.infer.minimum import descend
    from hone.likelihood.infer.setup import FitSetup

    oracle = model(*MODELS[name])
    data, compiled = observation(oracle), from_pyhf(oracle)
    setup = FitSetup.of(compiled)

    @jax.jit
    def fit(model, data):
        found = descend(
            model.prepare(),
            data[None],
            setup.start[None],
            setup.lower,
            setup.upper,
            setup.free[None],
        )
        return found.pars[0], found.evaluations[0]

    pars, count = fit(compiled, data)
    report(evaluations=int(count), minimum=-2 * float(oracle.logpdf(np.asarray(pars), data)[0]))


def scaling() -> None:
    """Warm limits against bins and parameters, toys against their number."""
    bins, parameters, number = [], [], []
    for n in (5, 10, 20, 50, 100, 200):
        oracle = model(1, n, 3, 3, 3)
        bins.append((n, _warm_limits(oracle)))
    for n in (1, 5, 15, 40, 75):
        oracle = model(1, 20, 3, n, n)
        parameters.append((oracle.config.npars, _warm_limits(oracle)))
    oracle = model(*MODELS["17 parameters"])
    data, compiled = observation(oracle), from_pyhf(oracle)
    options = {"calctype": "toybased", "rng": 1}
    infer.hypotest(1.0, data, compiled, ntoys=10, **options)
    for n in (100, 300, 1000, 3000, 10000):
        took, _ = seconds(lambda n=n: infer.hypotest(1.0, data, compiled, ntoys=n, **options))
        number.append((n, took))
    report(bins=bins, parameters=parameters, toys=number)


def _warm_limits(oracle):
    data, compiled = observation(oracle), from_pyhf(oracle)
    infer.upper_limit(data, compiled)
    return median_seconds(lambda: float(infer.upper_limit(data, compiled)[0]), 3)


TASKS = {f.__name__: f for f in (limits, once, tests, toys, gradient, evaluations, scaling)}
TASKS[sys.argv[1]](*sys.argv[2:])
