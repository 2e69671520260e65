"""The model of the workspace, filled with histograms during training.

:mod:`.workspace` writes the statistical model, :func:`fill` puts traced histograms into its
compiled form: what is trained on is what is fitted.
"""

from collections.abc import Mapping, Sequence

import jax.numpy as jnp
import numpy as np
import pyhf

from hone.analysis.regions import Channels
from hone.likelihood.histfactory import Model, from_pyhf
from hone.statmodel.templates import Histogram
from hone.statmodel.workspace import Process, build_workspace, half_spread, sides

__all__ = ["fill", "template_model"]


def template_model(
    samples: Sequence[Process], channels: Mapping[str, int] | int, staterror: bool
) -> Model:
    """The compiled model of a hypothesis, with flat histograms to be replaced by :func:`fill`.

    Args:
        samples: processes of the hypothesis.
        channels: number of bins of each, sorted by name; or the number of bins of the only one.
        staterror: whether the histograms' errors become a staterror.
    """
    if isinstance(channels, int):
        channels = Channels(observable_bins=channels).sizes
    bins = sum(channels.values())
    histograms = {}
    for sample in samples:
        flat = Histogram(np.ones(bins), np.ones(bins))
        histograms[sample.name] = flat
        for systematic in sample.systematics:
            # Without an uncertainty, a shapesys would have no parameters.
            varied = Histogram(1.1 * flat.values, flat.variances)
            for side, histogram in (("up", varied), ("down", flat)):
                histograms[f"{sample.name}__{systematic['name']}_{side}"] = histogram
    workspace = build_workspace(samples, histograms, np.zeros(bins), staterror, channels)
    return from_pyhf(pyhf.Workspace(workspace).model())


def fill(model: Model, samples: Sequence[Process], histograms: Mapping[str, Histogram]) -> Model:
    """``model`` of :func:`template_model` with these histograms; differentiable."""
    layout = model.layout
    nominal, lo, hi, staterror, shapesys = (
        model.nominal, model.histosys_lo, model.histosys_hi, model.staterror, model.shapesys
    )  # fmt: skip
    for sample in samples:
        s = layout.samples.index(sample.name)
        nominal = nominal.at[s].set(histograms[sample.name].values)
        if layout.staterror:
            variances = jnp.asarray(histograms[sample.name].variances)
            positive = variances > 0
            errors = jnp.where(positive, jnp.sqrt(jnp.where(positive, variances, 1.0)), 0.0)
            # One staterror per channel; bins of other channels are masked.
            staterror = staterror.at[:, s].set(errors)
        for systematic in sample.systematics:
            name, kind = systematic["name"], systematic["type"]
            if kind not in ("histosys", "shapesys"):
                continue
            up, down = sides(histograms, sample.name, name)
            if kind == "histosys":
                h = layout.histosys.index(name)
                lo, hi = lo.at[h, s].set(down), hi.at[h, s].set(up)
            else:
                y = layout.shapesys.index(name)
                shapesys = shapesys.at[y, s].set(half_spread(up, down))
    return model.replace(
        nominal=nominal, histosys_lo=lo, histosys_hi=hi, staterror=staterror, shapesys=shapesys
    )
