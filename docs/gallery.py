"""The gallery of the site: thumbnails of figures that the default analysis made.

Another figure is another line of FIGURES. ``make gallery`` shrinks them into docs/gallery/ and
writes the table between the marks in docs/gallery.md.
"""

import io
import sys
from pathlib import Path

from PIL import Image
from tabulate import tabulate

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results" / "blobs" / "figures"
GALLERY = ROOT / "docs" / "gallery"
BEGIN, END = "<!-- gallery: written by docs/gallery.py -->\n", "<!-- end of gallery -->\n"
LARGEST = 60_000  # bytes
COLUMNS = 3

# Name in results/blobs/figures/, and what it shows.
FIGURES = [
    ("signal/comparison", "observables side by side, every seed, with the floor"),
    ("signal/gain", "what each gains against cross-entropy"),
    ("signal/neos/plane", "the trained observable in the plane of the features"),
    ("signal/neos/templates", "events in its bins, with systematics"),
    ("signal/neos/soft_hard", "what training sees against what is counted"),
    ("signal/neos/cls_scan", "CLs against the signal strength"),
    ("signal/neos/systematics", "what a systematic does"),
    ("signal/neos/training", "the training: every seed, median and band"),
    ("signal/neos/edges", "bin edges and bandwidth as they move"),
    ("signal/neos/gradient", "the objective's gradient against finite differences"),
    ("signal/neos/prefit", "observation and prediction before the fit"),
    ("signal/neos/impacts", "impacts on the signal strength"),
    ("signal/neos/profile", "profile likelihood"),
    ("signal/neos/contour", "signal strength and leading nuisance parameter, with the gradient"),
    ("signal/neos/toys", "toys against asymptotic formulae"),
]


def file_of(name: str) -> str:
    """The thumbnail: all lie in one folder."""
    return name.replace("/", "__") + ".png"


def thumbnail(path: Path) -> bytes:
    """The picture as a PNG of at most LARGEST bytes."""
    with Image.open(path) as image:
        picture = image.convert("RGB")
    for width in (640, 560, 480, 400, 320, 240):
        size = (width, round(picture.height * width / picture.width))
        small = picture.resize(size, Image.Resampling.LANCZOS).quantize(64)
        buffer = io.BytesIO()
        small.save(buffer, "PNG", optimize=True)
        if buffer.tell() <= LARGEST:
            return buffer.getvalue()
    raise SystemExit(f"{path} does not get small enough")


def section() -> str:
    """The table of the page."""
    cells = [
        f'<img src="gallery/{file_of(name)}" width="280" alt="{text}"><br>{text}'
        for name, text in FIGURES
    ]
    rows = [cells[k : k + COLUMNS] for k in range(0, len(cells), COLUMNS)]
    return tabulate(rows, [""] * COLUMNS, tablefmt="github") + "\n"


def main() -> None:
    """Write the thumbnails and the table."""
    missing = [name for name, _ in FIGURES if not (RESULTS / f"{name}.png").exists()]
    if missing:
        sys.exit(f"not in {RESULTS}: {', '.join(missing)}; run the default analysis first (make)")
    GALLERY.mkdir(exist_ok=True)
    for old in GALLERY.glob("*.png"):
        old.unlink()
    for name, _ in FIGURES:
        (GALLERY / file_of(name)).write_bytes(thumbnail(RESULTS / f"{name}.png"))
    page = ROOT / "docs" / "gallery.md"
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    if not rest:
        sys.exit(f"{page} has no line {BEGIN.strip()}")
    page.write_text(f"{before}{BEGIN}\n{section()}\n{END}{after}")


if __name__ == "__main__":
    main()
