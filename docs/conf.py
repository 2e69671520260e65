"""Sphinx's settings for the site: ``make site``.

Its source is the repository, so that a link between two pages is the same on the site and on
GitHub, and what lies beside the things that it describes (settings, results, benchmarks) is a page
of it, too.
"""

import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

# The docstrings of this repository, whatever is installed.
sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

from hone.version import __version__

project = "hone"
author = "the developers of hone"
version = release = __version__
root_doc = "docs/index"
include_patterns = [
    "docs/**.md",
    "docs/*.ipynb",
    "config/README.md",
    "results/README.md",
    "benchmarks/*.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
]
exclude_patterns = ["benchmarks/template*.md", "docs/_build", "results/[!R]*", ".*", "build"]

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["dollarmath", "html_image"]
# Notebooks are kept with their outputs; the one that needs no results is run again.
nb_execution_mode = "force"
nb_execution_excludepatterns = ["opened_result.ipynb"]
nb_execution_timeout = 600
nb_execution_raise_on_error = True
nb_output_stderr = "remove"
# Anchors of headings as on GitHub.
myst_heading_anchors = 4

autodoc_default_options = {"members": True}
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
# Names of other packages would need their indices from the net; those of hone have to be right.
nitpick_ignore_regex = [(r"py:.*", r"(?!hone\b).*")]

html_theme = "furo"
html_title = f"hone {__version__}"
html_copy_source = False
html_show_sphinx = html_show_copyright = False
html_math_renderer = "mathml"
html_static_path = ["static"]
html_css_files = ["formulae.css"]
# The first page is docs/index.html.
html_additional_pages = {"index": "start.html"}
templates_path = ["templates"]


def _formula(writer: Any, node: nodes.Element) -> None:
    """Formulae as MathML, which browsers draw without a script from the net."""
    writer.body.append(tex2mathml(node.astext(), as_block=isinstance(node, nodes.math_block)))
    raise nodes.SkipNode


def setup(app: Any) -> None:
    """What extensions would do."""
    app.add_html_math_renderer("mathml", (_formula, None), (_formula, None))
