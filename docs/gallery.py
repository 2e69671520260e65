"""The gallery of the README: thumbnails of figures that the default analysis made.

Another figure is another line of FIGURES. ``make gallery`` shrinks them into docs/gallery/ and
writes the section between the marks in README.md.
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
    ("signal__comparison", "observables side by side, every seed, with the floor"),
    ("signal__gain", "what each gains against cross-entropy"),
    ("signal__neos__plane", "the trained observable in the plane of the features"),
    ("signal__neos__templates", "events in its bins, with systematics"),
    ("signal__neos__soft_hard", "what training sees against what is counted"),
    ("signal__neos__cls_scan", "CLs against the signal strength"),
    ("signal__neos__systematics", "what a systematic does"),
    ("signal__neos__training", "the training: every seed, median and band"),
    ("signal__neos__edges", "bin edges and bandwidth as they move"),
    ("signal__neos__gradient", "the objective's gradient against finite differences"),
    ("signal__neos__prefit", "observation and prediction before the fit"),
    ("signal__neos__impacts", "impacts on the signal strength"),
    ("signal__neos__profile", "profile likelihood"),
    ("signal__neos__contour", "signal strength and leading nuisance parameter, with the gradient"),
    ("signal__neos__toys", "toys against asymptotic formulae"),
]


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
    """The table of the README."""
    cells = [
        f'<img src="docs/gallery/{name}.png" width="280" alt="{text}"><br>{text}'
        for name, text in FIGURES
    ]
    rows = [cells[k : k + COLUMNS] for k in range(0, len(cells), COLUMNS)]
    return tabulate(rows, [""] * COLUMNS, tablefmt="github") + "\n"


def main() -> None:
    """Write the thumbnails and the section."""
    missing = [name for name, _ in FIGURES if not (RESULTS / f"{name}.png").exists()]
    if missing:
        sys.exit(f"not in {RESULTS}: {', '.join(missing)}; run the default analysis first (make)")
    GALLERY.mkdir(exist_ok=True)
    for old in GALLERY.glob("*.png"):
        old.unlink()
    for name, _ in FIGURES:
        (GALLERY / f"{name}.png").write_bytes(thumbnail(RESULTS / f"{name}.png"))
    readme = ROOT / "README.md"
    before, _, rest = readme.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    if not rest:
        sys.exit(f"README.md has no line {BEGIN.strip()}")
    readme.write_text(f"{before}{BEGIN}\n{section()}\n{END}{after}")


if __name__ == "__main__":
    main()
