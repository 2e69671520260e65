"""The model of the workspace, filled with histograms during training.

:mod:`.workspace` writes the statistical model, :func:`fill` puts traced histograms into its
compiled form: what is trained on is what is fitted.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from hone.likelihood.arrays import is_traced
from hone.likelihood.histfactory import Model, from_pyhf
from hone.statmodel.channels import Channels
from hone.statmodel.templates import Histogram
from hone.statmodel.workspace import Process, build_workspace, sides

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
    alone = np.concatenate([np.full(size, size == 1) for size in channels.values()])
    histograms = {}
    for sample in samples:
        flat = Histogram(np.ones(bins), np.ones(bins))
        histograms[sample.name] = flat
        # Without an uncertainty, a shapesys would have no parameters. A region with one bin has no
        # varied events: so a normplusshape has its histosys there, for yields of zero.
        varied = Histogram(np.where(alone, 0.0, 1.1), flat.variances)
        for template in sample.templates()[1:]:
            histograms[template.name] = varied if template.side == "up" else flat
    workspace = build_workspace(samples, histograms, np.zeros(bins), staterror, channels)
    return from_pyhf(workspace)


def fill(model: Model, samples: Sequence[Process], histograms: Mapping[str, Histogram]) -> Model:
    """``model`` of :func:`template_model` with these histograms; differentiable.

    By NumPy, if none of them is traced.
    """
    traced = is_traced(model, *histograms.values())
    model = model if traced else jax.tree.map(np.asarray, model)
    layout, xp = model.layout, jnp if traced else np
    channels = dict(zip(layout.channels, layout.nbins, strict=True))
    filled: dict[str, Array] = {}

    def write(array: str, place: Any, values: Any) -> None:
        before = filled.get(array)
        if before is None:
            before = xp.array(getattr(model, array))
        if xp is np:
            before[place] = values
        filled[array] = before if xp is np else before.at[place].set(values)

    for sample in samples:
        s = layout.samples.index(sample.name)
        write("nominal", s, histograms[sample.name].values)
        if layout.staterror and sample.staterror:
            variances = xp.asarray(histograms[sample.name].variances)
            positive = variances > 0
            errors = xp.where(positive, xp.sqrt(xp.where(positive, variances, 1.0)), 0.0)
            # One staterror per channel; bins of other channels are masked.
            write("staterror", (slice(None), s), errors)
        for modifier in sample.modifiers:
            up, down = sides(histograms, sample, modifier, channels)
            for leaf in modifier.leaves(layout, s, histograms[sample.name].values, up, down):
                write(*leaf)
    return model.replace(**filled)
