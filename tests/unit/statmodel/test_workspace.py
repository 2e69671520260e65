"""The workspace written down, and the same model filled in training."""

import json

import numpy as np
import pyhf
import pytest
from settings import hypothesis

from hone.analysis.systematics import Normsys
from hone.errors import InputError
from hone.likelihood.histfactory import from_pyhf
from hone.running.files import write_json
from hone.statmodel.filling import fill, template_model
from hone.statmodel.postprocessing import postprocess
from hone.statmodel.templates import Histogram, read_histograms, write_histograms
from hone.statmodel.workspace import build_workspace, read_workspace, sides

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


NEGATIVE = np.array([-2.0, -0.5, 0.3, -0.1])
"""Yields of an interference, which the background of :func:`with_interference` outweighs."""


def with_interference(**of_systematic):
    """Samples and histograms of pyhf's negative sample yields, with varied ones."""
    names = ["background", "interference"]
    samples = hypothesis({"name": "shape", "sample": names, **of_systematic})
    samples.append(samples[-1]._replace(name="interference"))
    found = histograms()
    found |= {
        f"interference{n}": Histogram(NEGATIVE * factor, np.full(4, 0.01))
        for n, factor in (("", 1.0), ("__shape_up", 1.3), ("__shape_down", 0.8))
    }
    return samples, found


@pytest.mark.parametrize("kind", ["histosys", "normplusshape"])
def test_negative_yields_are_pyhfs_where_rates_are_positive(kind):
    samples, found = with_interference(type=kind)
    built = build_workspace(samples, found, [9.0, 8, 7, 6], staterror=True)
    oracle = pyhf.Workspace(built).model()
    start = oracle.config.suggested_init()
    total = sum(found[n].values for n in ("signal", "background", "interference"))
    np.testing.assert_allclose(oracle.expected_data(start, include_auxdata=False), total)
    start[oracle.config.par_order.index("shape")] = 1.0
    varied = found["signal"].values + sum(
        found[f"{n}__shape_up"].values for n in ("background", "interference")
    )
    np.testing.assert_allclose(oracle.expected_data(start, include_auxdata=False), varied)
    # each MC error is relative to the sum
    widths = oracle.config.param_set("staterror_signal_region").sigmas
    errors = sum(found[n].variances for n in ("signal", "background", "interference"))
    np.testing.assert_allclose(widths, np.sqrt(errors) / total)
    filled = fill(template_model(samples, 4, True), samples, found)
    pars = np.array(start) + 0.1
    np.testing.assert_allclose(filled.expected_data(pars), oracle.expected_data(pars), rtol=1e-12)


def test_effects_on_negative_yields_are_relative_to_their_size():
    samples, found = with_interference(type="normplusshape", down=None, symmetrise="one-sided")
    kept = [sample._replace(modifiers=sample.modifiers[-1:]) for sample in samples[-1:]]
    _, smoothed, (row,) = postprocess(kept, found, {"r": 4}, {("interference", "shape")}, 0.0)
    assert row.largest_effect == pytest.approx(0.3)
    assert (row.norm_effect, row.shape_effect) == (pytest.approx(0.3), 0.0)
    # nothing to smooth: the same factor in each bin; and the mirror image is not clipped at zero
    up, down = sides(smoothed, kept[0], kept[0].modifiers[0], {"r": 4})
    np.testing.assert_allclose(up, 1.3 * NEGATIVE)
    np.testing.assert_allclose(down, 0.7 * NEGATIVE)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("interference", r"the expectation is negative \(.*\), because of 'interference' \(-19\)"),
        ("interference__shape_up", r"the expectation with shape_up is negative"),
        ("signal", r"the expectation is negative \(.*\), because of 'signal' \(-20\) and"),
        ("background__shape_down", r"the expectation with shape_down is negative"),
    ],
)
def test_negative_rates_are_named(template, message):
    samples, found = with_interference(type="histosys")
    values = found[template].values
    values[1] = -19.0 if template == "interference" else -20.0
    with pytest.raises(InputError, match=f"^bin 2: {message}"):
        build_workspace(samples, found, np.zeros(4), staterror=True)


def test_a_normsys_that_makes_a_rate_negative_is_named():
    """Without templates of its own: 60 % less of the background, and the interference stays."""
    samples, found = with_interference(type="histosys")
    size = Normsys(name="size", type="normsys", sample="background", up=1.6, down=0.4)
    samples[1] = samples[1]._replace(modifiers=(*samples[1].modifiers, size))
    found["interference"].values[0] = -0.5 * found["background"].values[0]
    with pytest.raises(InputError, match=r"the expectation with size_down is negative"):
        build_workspace(samples, found, np.zeros(4), staterror=True)


def test_yields_that_cancel_have_no_norm_of_their_own():
    samples, found = with_interference(type="normplusshape")
    found["interference"].values[:] = [2.0, -1.9, 2.0, -1.9]
    with pytest.raises(InputError, match=r"'interference', region .*: 'shape' must be a histosys"):
        build_workspace(samples, found, np.zeros(4), staterror=True)


def test_negative_yields_without_an_uncertainty_in_pyhf_are_refused():
    samples, found = with_interference(type="shapesys")
    with pytest.raises(InputError, match=r"'interference', region .*bin 1 .*shapesys \('shape'\)"):
        build_workspace(samples, found, np.zeros(4), staterror=True)
    samples, found = with_interference(type="histosys")
    alone = [s._replace(staterror=s.name == "interference") for s in samples]
    with pytest.raises(InputError, match=r"bin 1: .* errors there \('interference'\) add up to -"):
        build_workspace(alone, found, np.zeros(4), staterror=True)
    # pyhf drops the error of a yield of zero, too; an empty bin needs none
    found["interference"].values[:] = [0.0, 1.0, 1.0, 1.0]
    found["interference__shape_up"] = found["interference__shape_down"] = found["interference"]
    with pytest.raises(InputError, match=r"bin 1: the samples with MC .* add up to 0"):
        build_workspace(alone, found, np.zeros(4), staterror=True)
    for name in ("signal", "background", "background__shape_up", "background__shape_down"):
        found[name].values[0] = 0.0
    build_workspace(alone, found, np.zeros(4), staterror=True)
    found["signal"].values[2] = np.nan
    with pytest.raises(InputError, match="histogram 'signal', bin 3: the yield is nan"):
        build_workspace(samples, found, np.zeros(4), staterror=True)


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
