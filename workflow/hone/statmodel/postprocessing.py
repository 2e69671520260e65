"""Smoothing and pruning of systematics before the fit, both optional."""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from hone.analysis.modifiers import Modifier
from hone.analysis.sections import Pruning
from hone.analysis.systematics import Systematic
from hone.analysis.yields import cancel
from hone.errors import InputError
from hone.statmodel.channels import places
from hone.statmodel.templates import Histogram
from hone.statmodel.workspace import Process, sides

__all__ = ["Effect", "effects", "postprocess", "prune", "smooth"]

_FEWEST_BINS = 3


class Effect(NamedTuple):
    """Effect of a systematic on a sample in a channel: a row of ``systematics.csv``."""

    region: str
    sample: str
    systematic: str
    type: str
    largest_effect: float
    """Largest over bins and both sides, relative to the nominal yield; infinite if that is zero."""
    norm_effect: float
    """Of the yield of the region, the larger of both sides."""
    shape_effect: float
    """As ``largest_effect``, with the yield of the region kept."""
    smoothed: bool
    pruned: Literal["no", "norm", "shape", "all"]
    """What of it is not in the workspace."""

    def is_of(self, sample: str, modifier: Modifier) -> bool:
        """Whether it is the effect of a modifier on a sample."""
        kind = getattr(modifier, "type", "")
        same = (self.sample, self.systematic, self.type) == (sample, modifier.name, kind)
        return same and modifier.acts_in(self.region)


def postprocess(
    samples: Sequence[Process],
    histograms: Mapping[str, Histogram],
    channels: Mapping[str, int],
    smoothed: Collection[tuple[str, str]],
    threshold: float | Pruning,
) -> tuple[list[Process], dict[str, Histogram], list[Effect]]:
    """Samples and histograms for the fit, and what was done.

    Args:
        samples: the processes of the hypothesis.
        histograms: by template name, bins of all channels concatenated (B,).
        channels: number of bins of each.
        smoothed: samples and names of their systematics to be smoothed.
        threshold: systematics with smaller effects are pruned, or those parts of them whose effects
            are smaller than the thresholds of norm and shape; 0 prunes nothing.

    Raises:
        InputError: a variation would vanish.
    """
    found = smooth(samples, histograms, smoothed, channels) if smoothed else dict(histograms)
    rows = effects(samples, found, channels, smoothed, threshold)
    return prune(samples, rows), found, rows


def smooth(
    samples: Sequence[Process],
    histograms: Mapping[str, Histogram],
    smoothed: Collection[tuple[str, str]],
    channels: Mapping[str, int],
) -> dict[str, Histogram]:
    """Histograms with smoothed ratios of variations to nominal.

    In each channel with three bins or more, with the algorithm 353QH, run twice (J. Friedman,
    CERN 74-23, p. 292; ``TH1::Smooth`` of ROOT) as implemented in cabinetry; the yield of a
    variation in a channel is preserved. Arguments as for :func:`postprocess`.

    Raises:
        InputError: a variation would vanish.
    """
    from cabinetry.smooth import smooth_353qh_twice  # a second to import, for few

    found = dict(histograms)
    for sample in samples:
        nominal = np.asarray(histograms[sample.name].values)
        for template in (t for t in sample.templates() if (t.sample, t.systematic) in smoothed):
            values = np.array(histograms[template.name].values)
            for channel, place in places(channels).items():
                before, expected = values[place], nominal[place]
                if len(before) < _FEWEST_BINS:
                    continue
                ratio = np.divide(before, expected, out=np.ones(len(before)), where=expected != 0)
                after = smooth_353qh_twice(ratio) * expected
                if cancel(expected) or not after.sum() * before.sum() > 0:
                    raise InputError(
                        f"systematic {template.systematic!r} of {sample.name!r} cannot be smoothed "
                        f"in region {channel!r}: the varied yields are {before.tolist()}, the "
                        f"nominal ones {expected.tolist()}; use fewer bins, or no smoothing"
                    )
                values[place] = after * before.sum() / after.sum()
            found[template.name] = Histogram(values, histograms[template.name].variances)
    return found


def effects(
    samples: Sequence[Process],
    histograms: Mapping[str, Histogram],
    channels: Mapping[str, int],
    smoothed: Collection[tuple[str, str]],
    threshold: float | Pruning,
) -> list[Effect]:
    """Effect of each systematic on each sample in each channel, and whether it is pruned.

    Arguments as for :func:`postprocess`, after smoothing.
    """
    rows = []
    for sample in samples:
        nominal = np.asarray(histograms[sample.name].values)
        for systematic in _prunable(sample):
            up, down = map(np.asarray, sides(histograms, sample, systematic, channels))
            has_templates = bool(systematic.templates(sample.name))
            for channel, place in places(channels).items():
                if not systematic.acts_in(channel):
                    continue
                yields = nominal[place], up[place], down[place]
                largest = systematic.largest_effect(*yields)
                norm, shape = systematic.effects_of_parts(*yields)
                several = channels[channel] >= _FEWEST_BINS
                rows.append(
                    Effect(
                        channel,
                        sample.name,
                        systematic.name,
                        systematic.type,
                        float(largest),
                        norm,
                        shape,
                        has_templates and (sample.name, systematic.name) in smoothed and several,
                        _pruned(systematic, threshold, largest, norm, shape),
                    )
                )
    return rows


def _pruned(
    systematic: Systematic, threshold: float | Pruning, largest: float, norm: float, shape: float
) -> Literal["no", "norm", "shape", "all"]:
    if not isinstance(threshold, Pruning):
        return "all" if largest < threshold else "no"
    small_norm, small_shape = norm < threshold.norm, shape < threshold.shape
    if (small_norm or small_shape) and (small_norm or not norm) and (small_shape or not shape):
        return "all"
    if systematic.has_parts and small_norm:
        return "norm"
    if systematic.has_parts and small_shape and shape:
        return "shape"
    return "no"


def prune(samples: Sequence[Process], rows: Sequence[Effect]) -> list[Process]:
    """The samples without what ``rows`` prunes of their systematics, in some or all regions."""
    found = []
    for sample in samples:
        kept = []
        left_out: dict[tuple[str, str, str], str] = {}
        for modifier in sample.modifiers:
            mine = [row for row in rows if row.is_of(sample.name, modifier)]
            regions = [row.region for row in mine if row.pruned != "all"]
            if len(regions) == len(mine):
                kept.append(modifier)
            elif regions:
                kept.append(modifier.model_copy(update={"regions": regions}))
            left_out |= {
                (row.systematic, row.type, row.region): row.pruned
                for row in mine
                if row.pruned in ("norm", "shape")
            }
        found.append(sample._replace(modifiers=tuple(kept), left_out=left_out))
    return found


def _prunable(sample: Process) -> list[Systematic]:
    return [m for m in sample.modifiers if isinstance(m, Systematic) and m.can_be_pruned]
