"""Bins that a fit has left without a rate, as interpolated templates allow."""

import numpy as np

from hone.results.fit_documents import Fit

__all__ = ["lost_rates"]

_NONE_LEFT = 1e-6
"""Part of the rate before the fit below which none counts as left."""


def lost_rates(content: Fit) -> dict[str, list[int]]:
    """Places of bins that have a rate before the fit and none after it, by channel; none if none.

    The fit ends at this bound, and the Hessian, which does not know of it, is no measure of the
    uncertainties of its yields.

    Args:
        content: of ``fit.json``.
    """
    found = {}
    for name, after in (content.get("postfit") or {}).items():
        before, left = (
            np.sum(list(yields["samples"].values()), axis=0)
            for yields in (content["prefit"][name], after)
        )
        # A bin that was empty before has lost nothing.
        gone = np.flatnonzero((before > 0) & (left < _NONE_LEFT * before))
        if len(gone):
            found[name] = gone.tolist()
    return found
