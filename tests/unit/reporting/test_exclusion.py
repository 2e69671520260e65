"""What is excluded in a plane of hypotheses."""

import numpy as np
import pytest

from hone.reporting.figures.exclusion import draw_exclusion

GRID = [(m, c) for m in (500, 700, 900, 1100) for c in (0.3, 0.6, 1.0)]


def limits(points, observed=True, missing=(), scale=1.0):
    """ln limit = a + mass / 250 - 3 coupling, which linear interpolation gives back exactly."""
    found = {}
    for k, (mass, coupling) in enumerate(points):
        median = scale * np.exp((mass - 800) / 250 - 3 * (coupling - 0.6))
        some = k not in missing
        found[float(mass), float(coupling)] = {
            "expected_limits": [median * f if some else None for f in (0.5, 0.7, 1, 1.4, 2)],
            "observed_limit": 1.2 * median if observed and some else None,
            "level": 0.05,
            "poi": "mu",
        }
    return found


def contours(figure):
    """Vertices of the lines where the limit is 1."""
    sets = [c for c in figure.axes[0].collections if hasattr(c, "levels") and len(c.levels) == 1]
    return [np.concatenate([p.vertices for p in c.get_paths()]) for c in sets]


def test_the_contour_is_where_the_limit_is_one():
    figure = draw_exclusion(limits(GRID), ("mass", "coupling"), "o")
    median, observed = contours(figure)
    for vertices, shift in ((median, 0.0), (observed, np.log(1.2))):
        log_limit = (vertices[:, 0] - 800) / 250 - 3 * (vertices[:, 1] - 0.6) + shift
        np.testing.assert_allclose(log_limit, 0, atol=1e-6)


def test_a_blind_plane_with_a_missing_limit_has_no_contour_through_it():
    figure = draw_exclusion(limits(GRID, False, missing=(4,)), ("mass", "coupling"), "o")
    (median,) = contours(figure)
    assert np.hypot((median[:, 0] - 700) / 600, (median[:, 1] - 0.6) / 0.7).min() > 0.1
    assert "none" in [t.get_text() for t in figure.axes[0].texts]


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (limits([(500, 0.3), (700, 0.5), (900, 0.7)]), "lie on a line"),
        (limits(GRID, scale=1e-6), "all excluded"),
        (limits(GRID, scale=1e9), "none excluded"),
    ],
)
def test_without_a_contour_the_figure_says_why(found, why):
    figure = draw_exclusion(found, ("mass", "coupling"), "o")
    assert contours(figure) == []
    assert any(why in t.get_text() for t in figure.axes[0].texts)


def test_the_observation_is_called_what_it_is():
    figure = draw_exclusion(limits(GRID), ("mass", "coupling"), "o", "pseudo-data")
    shown = [text.get_text() for text in figure.legends[0].get_texts()]
    assert shown[-2:] == ["median expected", "pseudo-data"]
    assert figure.axes[-1].get_ylabel() == r"pseudo-data upper limit on $\mu$"


def test_no_limit_at_all_is_drawn_as_crosses():
    figure = draw_exclusion(limits(GRID, missing=range(12)), ("mass", "coupling"), "o")
    assert contours(figure) == []


@pytest.mark.mpl_image_compare(savefig_kwargs={"dpi": 40}, remove_text=False)
def test_exclusion_picture():
    return draw_exclusion(limits(GRID, missing=(11,)), ("mass", "coupling"), "o")
