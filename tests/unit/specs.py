"""Small pyhf models for the tests."""

import copy

import numpy as np
import pyhf
from hypothesis import strategies as st


def blobs_like(signal, background, up, down, errors=None):
    """One channel with a shape systematic on the background, as the default analysis."""
    signal_modifiers = [{"name": "mu", "type": "normfactor", "data": None}]
    background_modifiers = [
        {"name": "shape", "type": "histosys", "data": {"hi_data": up, "lo_data": down}}
    ]
    if errors:
        for modifiers, data in zip((signal_modifiers, background_modifiers), errors, strict=True):
            modifiers.append({"name": "stat", "type": "staterror", "data": data})
    samples = [
        {"name": "signal", "data": signal, "modifiers": signal_modifiers},
        {"name": "background", "data": background, "modifiers": background_modifiers},
    ]
    return pyhf.Model({"channels": [{"name": "SR", "samples": samples}]}, poi_name="mu")


def typical():
    """Five bins like those of a trained observable."""
    return blobs_like(
        [0.1, 0.5, 1.0, 5.0, 13.4],
        [60.0, 30.0, 8.0, 1.5, 0.5],
        [56.0, 31.0, 9.5, 1.8, 0.65],
        [63.0, 28.5, 7.0, 1.3, 0.4],
        [[0.01] * 5, [0.3] * 5],
    )


def everything(seed=0, channels=(4, 3), only=None):
    """All modifiers in several channels, or ``only`` those of some types, with an empty cell."""
    rng = np.random.default_rng(seed)
    spec = []
    for i, n in enumerate(channels):
        nominal = rng.uniform(20, 50, n)
        other = rng.uniform(5, 9, n)
        other[0] = 0.0
        up = nominal * 1.1 + rng.normal(0, 1, n)
        signal = [
            {"name": "lumi", "type": "lumi", "data": None},
            {"name": f"stat{i}", "type": "staterror", "data": rng.uniform(0.1, 0.5, n).tolist()},
        ]
        background = [
            {
                "name": "shape",
                "type": "histosys",
                "data": {"hi_data": up.tolist(), "lo_data": (0.93 * nominal).tolist()},
            },
            {"name": "norm", "type": "normsys", "data": {"hi": 1.2, "lo": 0.85}},
            # the same parameter in another type of modifier
            {"name": "shape", "type": "normsys", "data": {"hi": 1.05, "lo": 0.99}},
            {"name": f"stat{i}", "type": "staterror", "data": rng.uniform(1, 3, n).tolist()},
        ]
        extra = [
            {"name": f"bins{i}", "type": "shapesys", "data": rng.uniform(1, 2, n).tolist()},
            {"name": "lumi", "type": "lumi", "data": None},
            {"name": f"free{i}", "type": "shapefactor", "data": None},
        ]
        keep = [
            [m for m in group if only is None or m["type"] in only]
            for group in (signal, background, extra)
        ]
        poi = {"name": "mu", "type": "normfactor", "data": None}
        samples = [
            {"name": "sig", "data": rng.uniform(1, 5, n).tolist(), "modifiers": [poi, *keep[0]]},
            {"name": "bkg", "data": nominal.tolist(), "modifiers": keep[1]},
            {"name": "other", "data": other.tolist(), "modifiers": keep[2]},
        ]
        spec.append({"name": f"channel{i}", "samples": samples})
    parameters = []
    if only is None or "lumi" in only:
        lumi = {"auxdata": [1.0], "sigmas": [0.02], "bounds": [[0.9, 1.1]], "inits": [1.0]}
        parameters = [{"name": "lumi", **lumi}]
    return pyhf.Model({"channels": spec, "parameters": parameters}, poi_name="mu")


def pseudo_data(oracle, seed, mu=0.0):
    """Poisson counts with the POI at ``mu``, and nominal auxiliary data."""
    rng = np.random.default_rng(seed)
    pars = np.array(oracle.config.suggested_init())
    pars[oracle.config.poi_index] = mu
    counts = rng.poisson(oracle.expected_data(pars, include_auxdata=False)).astype(float)
    return np.concatenate([counts, oracle.config.auxdata])


def assert_same_likelihood(model, data, back, names, seed):
    """Of random parameters: ``model`` with data (D,), and a workspace with other parameters' names.

    ``names`` are those of the parameters of ``model`` in the workspace.
    """
    again = back.model()
    order = [again.config.par_names.index(name) for name in names]
    rng = np.random.default_rng(seed)
    start = np.array(model.config.suggested_init())
    for _ in range(3):
        pars = start + rng.normal(size=start.size) * np.where(start == 0, 1.0, 0.1)
        theirs = np.empty_like(pars)
        theirs[order] = pars
        expected = model.logpdf(pars, data)[0]
        np.testing.assert_allclose(again.logpdf(theirs, back.data(again))[0], expected, rtol=1e-9)


def random_pars(oracle, rng, spread=0.4):
    """Parameters around the suggestion within bounds, some beyond one sigma, no rate negative."""
    init = np.array(oracle.config.suggested_init())
    low, high = np.array(oracle.config.suggested_bounds()).T
    while True:
        pars = np.clip(init + rng.normal(0, spread, init.size), np.maximum(low, -5), high)
        if (oracle.expected_data(pars, include_auxdata=False) > 0).all():
            return pars


def shared(kind, nbins):
    """A modifier of one name in several channels."""
    channels = []
    for i, n in enumerate(nbins):
        data = None if kind == "shapefactor" else [1.0 + 0.1 * i] * n
        extra = {"name": "shared", "type": kind, "data": data}
        poi = {"name": "mu", "type": "normfactor", "data": None}
        samples = [
            {"name": "sig", "data": [3.0] * n, "modifiers": [poi]},
            {"name": "bkg", "data": [20.0 + i] * n, "modifiers": [extra]},
        ]
        channels.append({"name": f"c{i}", "samples": samples})
    return pyhf.Model({"channels": channels}, poi_name="mu")


def counting():
    """A bin whose rate is its only parameter."""
    mu = {"name": "mu", "type": "normfactor", "data": None}
    signal = {"name": "signal", "data": [1.0], "modifiers": [mu]}
    return pyhf.Model({"channels": [{"name": "SR", "samples": [signal]}]}, poi_name="mu")


def workspace_of(model, data):
    """As ``pyhf.Workspace.build``, which in 0.7.6 loses the width of the luminosity."""
    slices = model.config.channel_slices
    config = {"poi": model.config.poi_name, "parameters": model.spec.get("parameters", [])}
    return {
        "channels": model.spec["channels"],
        "observations": [
            {"name": name, "data": np.asarray(data)[bins].tolist()} for name, bins in slices.items()
        ],
        "measurements": [{"name": "measurement", "config": config}],
        "version": "1.0.0",
    }


def multimodal(seed):
    """A steep background with wide shape variations, and data of random parameters.

    Its likelihood often has several minima, and minima where a rate vanishes.
    """
    rng = np.random.default_rng(seed)
    n = 5
    background = rng.uniform(30, 80) * np.exp(-np.arange(n) * rng.uniform(0.5, 1.6))
    signal = rng.uniform(2, 15) * np.exp((np.arange(n) - 4) * rng.uniform(0.2, 1.5))

    def varied():
        return (background * np.exp(rng.normal(0, 0.25, n))).tolist()

    modifiers = [
        {"name": f"h{k}", "type": "histosys", "data": {"hi_data": varied(), "lo_data": varied()}}
        for k in range(2)
    ]
    norm = {"hi": rng.uniform(1.05, 1.6), "lo": rng.uniform(0.6, 0.95)}
    modifiers.append({"name": "n", "type": "normsys", "data": norm})
    poi = [{"name": "mu", "type": "normfactor", "data": None}]
    samples = [
        {"name": "sig", "data": signal.tolist(), "modifiers": poi},
        {"name": "bkg", "data": background.tolist(), "modifiers": modifiers},
    ]
    oracle = pyhf.Model({"channels": [{"name": "SR", "samples": samples}]}, poi_name="mu")
    true = rng.normal(size=oracle.config.npars)
    true[oracle.config.poi_index] = rng.choice([0.0, 1.0, 3.0])
    rates = np.maximum(oracle.expected_data(true, include_auxdata=False), 0)
    return oracle, np.concatenate([rng.poisson(rates).astype(float), rng.normal(size=3)])


KINDS = ("histosys", "lumi", "normfactor", "normsys", "shapefactor", "shapesys", "staterror")


@st.composite
def workspaces(draw, widths=(0.15,)):
    """Random pyhf models: any modifiers, shared within and between channels, with empty cells.

    Shapes and norms vary by about one of the ``widths``; wide ones make several minima.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    nbins = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    backgrounds = draw(st.integers(1, 3))
    width = draw(st.sampled_from(widths))
    kinds = draw(st.sets(st.sampled_from(KINDS), max_size=5))

    def modifiers(channel, sample, yields):
        found = []
        for kind in sorted(kinds):
            if rng.random() < 0.3:
                continue
            # Alphas of one name are shared by channels, samples and by both of their types.
            name = f"alpha{rng.integers(3)}"
            data = None
            if kind == "histosys":
                up, down = (
                    yields * np.exp(rng.uniform(-1.5, 1.5, yields.size) * width) for _ in range(2)
                )
                data = {"hi_data": up.tolist(), "lo_data": down.tolist()}
            elif kind == "normsys":
                data = {
                    "hi": rng.uniform(1.02, 1 + 2 * width),
                    "lo": rng.uniform(np.exp(-2 * width), 1.05),
                }
            elif kind == "lumi":
                name = "lumi"
            elif kind == "normfactor":
                # Only one sample floats freely, or the fit has no unique minimum.
                if sample != 1:
                    continue
                name = "k"
            elif kind == "shapefactor":
                if sample != 2 or "normfactor" in kinds:
                    continue
                name = f"free{channel}"
            elif kind == "shapesys":
                name = f"uncorrelated{channel}_{sample}"
                data = (yields * rng.choice([0.0, 0.1, 0.3], yields.size)).tolist()
            else:
                name = f"stat{channel}"
                data = (yields * rng.choice([0.0, 0.02, 0.2], yields.size)).tolist()
            found.append({"name": name, "type": kind, "data": data})
        return found

    channels = []
    for c, n in enumerate(nbins):
        samples = []
        for s in range(1 + backgrounds):
            yields = rng.uniform(1, 8, n) if s == 0 else rng.uniform(10, 60, n)
            if s > 1:
                yields *= rng.random(n) < 0.8
            found = modifiers(c, s, yields)
            if s == 0:
                found.append({"name": "mu", "type": "normfactor", "data": None})
            samples.append({"name": f"s{s}", "data": yields.tolist(), "modifiers": found})
        channels.append({"name": f"c{c}", "samples": samples})
    used = {m["name"] for c in channels for s in c["samples"] for m in s["modifiers"]}
    parameters = []
    if "lumi" in used:
        lumi = {"auxdata": [1.0], "sigmas": [0.03], "bounds": [[0.8, 1.2]], "inits": [1.0]}
        parameters.append({"name": "lumi", **lumi})
    for name in sorted(used):
        if name.startswith(("alpha", "stat")) and rng.random() < 0.15:
            parameters.append({"name": name, "fixed": True})
    return pyhf.Model({"channels": channels, "parameters": parameters}, poi_name="mu")


def workspace(model, data):
    """Of a model and the observation (B,)."""
    observations = [
        {"name": name, "data": [float(x) for x in data[place]]}
        for name, place in model.config.channel_slices.items()
    ]
    parameters = copy.deepcopy(model.spec.get("parameters", []))
    measurement = {"poi": model.config.poi_name, "parameters": parameters}
    return {
        "channels": copy.deepcopy(model.spec["channels"]),
        "observations": observations,
        "measurements": [{"name": "limit", "config": measurement}],
        "version": "1.0.0",
    }


MODELS = {
    "simple": pyhf.simplemodels.uncorrelated_background(
        signal=[12.0, 11.0], bkg=[50.0, 52.0], bkg_uncertainty=[3.0, 7.0]
    ),
    "correlated": pyhf.simplemodels.correlated_background(
        signal=[12.0, 11.0], bkg=[50.0, 52.0], bkg_up=[45.0, 57.0], bkg_down=[55.0, 47.0]
    ),
    "typical": typical(),
    "everything": everything(),
}
