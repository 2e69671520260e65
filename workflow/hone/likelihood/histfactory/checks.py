"""What of pyhf's models is refused, by name of the channel, sample and modifier."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from hone.errors import ModelError
from hone.likelihood.histfactory.interpolation import HISTOSYS_CODES, NORMSYS_CODES
from hone.likelihood.specification import Channel

if TYPE_CHECKING:
    import pyhf
    from numpy.typing import ArrayLike

__all__ = [
    "INTERPOLATION",
    "check_duplicates",
    "check_options",
    "check_rates",
    "finite",
    "interpolation",
    "positive",
]

INTERPOLATION = {"normsys": NORMSYS_CODES, "histosys": HISTOSYS_CODES}
"""Codes that are supported, by type of modifier."""


def check_options(model: pyhf.Model) -> None:
    """Refuse batches, clipping and codes of interpolation that are not supported."""
    if model.batch_size is not None:
        raise ModelError(
            f"the pyhf model has batch_size={model.batch_size}: build it without one and "
            "use jax.vmap"
        )
    for option in ("clip_sample_data", "clip_bin_data"):
        if getattr(model.main_model, option, None) is not None:
            raise ModelError(
                f"the pyhf model has {option}={getattr(model.main_model, option)}: hone clips "
                "nothing, build the model without it"
            )
    for modifier, codes in INTERPOLATION.items():
        if interpolation(model, modifier) not in codes:
            raise ModelError(
                f"{modifier} with interpolation {interpolation(model, modifier)!r}: supported are "
                f"{', '.join(codes)}"
            )


def interpolation(model: pyhf.Model, modifier: str) -> str:
    """The interpolation code that pyhf uses, including its defaults."""
    return str(model.main_model.modifiers_appliers[modifier].interpcode)


def check_duplicates(channels: Sequence[Channel]) -> None:
    """Of a channel, sample or modifier given twice, pyhf 0.7.6 silently keeps the last."""
    _refuse_twice("channel", [channel["name"] for channel in channels])
    for channel in channels:
        where = f"channel {channel['name']!r}"
        _refuse_twice(f"{where}: sample", [sample["name"] for sample in channel["samples"]])
        for sample in channel["samples"]:
            modifiers = [f"{m['type']} {m['name']!r}" for m in sample["modifiers"]]
            _refuse_twice(f"{where}, sample {sample['name']!r}: modifier", modifiers)


def _refuse_twice(what: str, names: Sequence[str]) -> None:
    for name, times in Counter(names).items():
        if times > 1:
            raise ModelError(f"{what} {name} is given {times} times; keep one")


def check_rates(model: pyhf.Model) -> None:
    """Refuse negative rates at the suggested parameters."""
    rates = np.asarray(model.expected_actualdata(model.config.suggested_init()), dtype=float)
    if (rates < 0).any():
        at = int(np.argmax(rates < 0))
        channel, bins = next(
            (name, s) for name, s in model.config.channel_slices.items() if s.start <= at < s.stop
        )
        raise ModelError(
            f"channel {channel!r}, bin {at - bins.start + 1}: the expected rate at the suggested "
            f"parameters is negative ({rates[at]:g}); merge bins, set the yield to zero, or change "
            "the parameters' inits"
        )


def finite(values: ArrayLike, where: str, what: str) -> np.ndarray:
    """An array (B,) of finite numbers."""
    array = np.asarray(values, dtype=float)
    if not np.isfinite(array).all():
        at = int(np.argmin(np.isfinite(array)))
        raise ModelError(f"{where}, bin {at + 1}: the {what} is {array[at]}, it must be finite")
    return array


def positive(value: float, where: str, what: str) -> float:
    """A finite number above 0."""
    if not (np.isfinite(value) and value > 0):
        raise ModelError(f"{where}: {what} is {value}, it must be finite and above 0")
    return value
