"""Pictures within a page: small enough that a whole report is one file."""

import base64
import io
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageSequence

__all__ = ["Embedded", "animated", "embedded"]

_STEP = 15
"""Between the shades of a colour that are kept, black and white among them."""


class Embedded(NamedTuple):
    """A picture as an address that holds it."""

    source: str
    width: int
    height: int


def embedded(path: Path) -> Embedded:
    """A figure as WebP without loss, but for the number of shades; of an animation the last frame.

    Most shades are those of anti-aliased lines: with fewer, a figure is a quarter of the PNG.
    """
    with Image.open(path) as picture:
        picture.seek(getattr(picture, "n_frames", 1) - 1)
        shades = [round(value / _STEP) * _STEP for value in range(256)]
        small = picture.convert("RGB").point(3 * shades)
    return _as_address(small)


def animated(path: Path) -> Embedded:
    """An animation as WebP, with the durations of its frames."""
    with Image.open(path) as picture:
        frames, durations = [], []
        for frame in ImageSequence.Iterator(picture):
            durations.append(frame.info.get("duration", 200))
            frames.append(frame.convert("RGB"))
    return _as_address(frames[0], frames[1:], durations)


def _as_address(
    first: Image.Image, others: list[Image.Image] | None = None, durations: list[int] | None = None
) -> Embedded:
    file = io.BytesIO()
    if others is None:
        first.save(file, "WEBP", lossless=True, quality=50, method=2)
    else:
        first.save(
            file, "WEBP", save_all=True, append_images=others, duration=durations, loop=0,
            quality=60, method=3,
        )  # fmt: skip
    content = base64.b64encode(file.getvalue()).decode()
    return Embedded(f"data:image/webp;base64,{content}", *first.size)
