"""The workspace written down, and the same model filled in training."""

import json

import numpy as np
import pyhf
import pytest
from settings import hypothesis

from hone.errors import InputError
from hone.likelihood.histfactory import from_pyhf
from hone.running.files import write_json
from hone.statmodel.filling import fill, template_model
from hone.statmodel.templates import Histogram, read_histograms, write_histograms
from hone.statmodel.workspace import build_workspace, read_workspace

SAMPLES = hypothesis(
    {"name": "shape", "type": "histosys"},
    {"name": "rate", "type": "normsys", "up": 1.1, "down": 0.95},
)


def histograms(seed=0):
    rng = np.random.default_rng(seed)
    names = ("signal", "background", "background__shape_up", "background__shape_down")
    return {name: Histogram(rng.uniform(1, 9, 4), rng.uniform(0.1, 0.5, 4)) for name in names}


@pytest.mark.parametrize("staterror", [True, False])
def test_what_is_trained_on_is_what_is_fitted(staterror):
    built = build_workspace(SAMPLES, histograms(), [3.0, 2, 1, 0], staterror)
    written = from_pyhf(pyhf.Workspace(built).model())
    filled = fill(template_model(SAMPLES, 4, staterror), SAMPLES, histograms())
    assert filled.layout == written.layout
    pars = np.array(written.config.suggested_init()) + 0.1
    np.testing.assert_allclose(filled.expected_data(pars), written.expected_data(pars), rtol=1e-14)
    data = np.asarray(written.expected_data(written.config.suggested_init()))
    np.testing.assert_allclose(filled.logpdf(pars, data), written.logpdf(pars, data), rtol=1e-14)


def test_workspace_contents():
    found = histograms()
    workspace = pyhf.Workspace(build_workspace(SAMPLES, found, [3.0, 2, 1, 0], staterror=True))
    model = workspace.model()
    assert model.config.poi_name == "mu"
    assert dict(model.config.modifiers) == {
        "mu": "normfactor", "rate": "normsys", "shape": "histosys",
        "staterror_signal_region": "staterror",
    }  # fmt: skip
    start = model.config.suggested_init()
    total = found["signal"].values + found["background"].values
    np.testing.assert_allclose(model.expected_data(start, include_auxdata=False), total)
    np.testing.assert_array_equal(workspace.data(model, include_auxdata=False), [3, 2, 1, 0])


def test_negative_yields_are_refused():
    bad = histograms()
    bad["signal"].values[2] = -0.5
    with pytest.raises(InputError, match=r"histogram 'signal', bin 3: the yield is -0\.5"):
        build_workspace(SAMPLES, bad, np.zeros(4), staterror=True)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda text: text[:50], "not readable as JSON"),
        (lambda _: "[1, 2]", "expected a JSON object"),
        (lambda text: text.replace("normfactor", "normfaktor"), "not a valid pyhf workspace"),
        (lambda text: text.replace('"mu"', '"nu"', 1), "not a valid pyhf workspace"),
    ],
)
def test_nonsense_workspaces_are_refused_by_name(tmp_path, spoil, message):
    path = tmp_path / "workspace.json"
    write_json(path, build_workspace(SAMPLES, histograms(), np.ones(4), staterror=True))
    path.write_text(spoil(path.read_text()))
    with pytest.raises(InputError, match=rf"workspace\.json: {message}"):
        read_workspace(path)


def test_histograms_round_trip(tmp_path):
    path, edges = tmp_path / "histograms.root", np.array([0, 0.2, 0.5, 0.9, 1.0])
    write_histograms(path, {"hard": histograms(), "soft": histograms(1)}, {"a": edges}, {})
    found, found_edges = read_histograms(path, "soft")
    np.testing.assert_array_equal(found_edges[""], edges)
    for name, histogram in histograms(1).items():
        np.testing.assert_allclose(found[name].values, histogram.values)
        np.testing.assert_allclose(found[name].variances, histogram.variances)
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(InputError, match=r"histograms\.root: the histograms 'soft' cannot be read"):
        read_histograms(path, "soft")


def test_json_never_holds_nan(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "x.json", {"limit": float("nan")})
    assert list(tmp_path.iterdir()) == []
    write_json(tmp_path / "x.json", {"limit": None})
    assert json.loads((tmp_path / "x.json").read_text()) == {"limit": None}
