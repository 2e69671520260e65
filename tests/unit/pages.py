"""The code of the pages and notebooks in docs/."""

import json
import re
from pathlib import Path

__all__ = ["run_page"]


def run_page(name, replaced=None, known=None):
    """The names that the code of a page defines.

    Args:
        name: of the page.
        replaced: words of it and what is read in their place.
        known: names that it takes for given.
    """
    page = (Path(__file__).parents[2] / "docs" / name).read_text()
    if name.endswith(".ipynb"):
        cells = (c for c in json.loads(page)["cells"] if c["cell_type"] == "code")
        code = "\n".join("".join(cell["source"]) for cell in cells)
    else:
        code = "\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL))
    for word, other in (replaced or {}).items():
        assert word in code
        code = code.replace(word, other)
    found = dict(known or {})
    exec(code, found)
    return found
