"""What LaTeX says of a page, where there is one (Debian's texlive-latex-base)."""

import shutil
import subprocess

import pytest

__all__ = ["typeset"]

# Journals have columns of 246 pt (8.6 cm) and a text of 10 pt.
_PAGE = r"""\documentclass[10pt]{article}
%s
\setlength{\textwidth}{246pt}\setlength{\parindent}{0pt}
\begin{document}
%s
\end{document}
"""
_RULES = (
    r"\newcommand{\toprule}{\hline}\newcommand{\midrule}{\hline}\newcommand{\bottomrule}{\hline}"
)


def typeset(body, folder):
    """The log of a page with ``body`` in a column of a journal; the test is skipped without LaTeX.

    Raises:
        AssertionError: LaTeX finds an error.
    """
    if shutil.which("pdflatex") is None:
        pytest.skip("needs LaTeX")
    (folder / "page.tex").write_text(_PAGE % (_RULES, body))
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    made = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout[-2000:]
    return made.stdout
