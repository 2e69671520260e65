"""Pictures in the page: small, and as they were."""

from base64 import b64decode
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from hone.reporting.page.pictures import animated, embedded

DRAWN = Path(__file__).parents[1] / "baseline"


def decoded(picture):
    return Image.open(BytesIO(b64decode(picture.source.partition(",")[2])))


def test_pictures_are_small_and_look_the_same(tmp_path):
    for path in sorted(DRAWN.glob("*.png"))[:3]:
        small = embedded(path)
        with Image.open(path) as picture:
            original = np.asarray(picture.convert("RGB"), dtype=float)
        shown = np.asarray(decoded(small).convert("RGB"), dtype=float)
        assert shown.shape == original.shape == (small.height, small.width, 3)
        assert np.abs(shown - original).max() <= 7
        assert len(small.source) < 0.9 * path.stat().st_size
    frames = [Image.new("RGB", (20, 10), colour) for colour in ("red", "green", "blue")]
    film = tmp_path / "film.gif"
    frames[0].save(film, save_all=True, append_images=frames[1:], duration=[200, 200, 900])
    assert decoded(embedded(film)).convert("RGB").getpixel((5, 5)) == (0, 0, 255)
    moving = decoded(animated(film))
    assert moving.n_frames == 3
