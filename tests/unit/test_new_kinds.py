"""A new kind of systematic and one of observable are a class each, and need nothing elsewhere."""

from typing import Annotated, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pyhf
import pytest
import yaml
from annotated_types import Gt, Lt
from blobs import ROOT
from onnxruntime import InferenceSession

from hone.analysis import Analysis, checked_config
from hone.analysis.modifiers import Leaf
from hone.analysis.observables import Trained
from hone.analysis.parts import of_model, of_training
from hone.analysis.shape_systematics import Histosys
from hone.analysis.systematics import Systematic
from hone.errors import FitError
from hone.events import generate
from hone.events.event_sets import EventSets, hard_histograms, scores_of
from hone.likelihood.histfactory import from_pyhf
from hone.observable import (
    Observable,
    create_observable,
    kernel_shares,
    load_observable,
    save_observable,
)
from hone.observable.onnx_model import onnx_model
from hone.reporting.figures.histograms import draw_templates
from hone.reporting.figures.systematics import draw_systematics, variations
from hone.reporting.first_page import first_page
from hone.results.floor import fine_histograms
from hone.statmodel.filling import fill, template_model
from hone.statmodel.postprocessing import postprocess
from hone.statmodel.workspace import build_workspace, processes
from hone.training.loop import train
from hone.training.objectives import OF_MODEL
from hone.training.settings import Settings

SLOPE, RATE = 0.2, 0.1
DENSITIES = {
    side: [{"kind": "normal", "variables": ["x", "y"], "mean": [mean, -1],
            "covariance": [[1, 0], [0, 1]]}]
    for side, mean in (("up", 1.2), ("down", 0.8))
}  # fmt: skip


def of_systematics():
    class Ramp(Systematic):
        """Yields that are tilted along the bins, without templates of their own."""

        type: Literal["ramp"]
        can_be_pruned = True
        is_of_bins = True
        slope: Annotated[float, Gt(0), Lt(1)]

        def shifted(self, nominal, up, down):  # noqa: ARG002
            tilt = self.slope * np.linspace(-1, 1, len(nominal))
            return nominal * (1 + tilt), nominal * (1 - tilt)

        def modifiers(self, nominal, up, down):
            high, low = self.shifted(nominal, up, down)
            data = {"hi_data": list(high), "lo_data": list(low)}
            yield {"name": self.name, "type": "histosys", "data": data}

        def leaves(self, layout, sample, nominal, up, down):
            place = (layout.histosys.index(self.name), sample)
            high, low = self.shifted(nominal, up, down)
            yield Leaf("histosys_hi", place, high)
            yield Leaf("histosys_lo", place, low)

        def notes(self):
            return ["a ramp"]

    class RateAndShape(Histosys):
        """Varied templates whose yield is uncertain as well, by one parameter."""

        type: Literal["rate_and_shape"]
        rate: Annotated[float, Gt(0), Lt(1)]

        def modifiers(self, nominal, up, down):
            yield from super().modifiers(nominal, up, down)
            factors = {"hi": 1 + self.rate, "lo": 1 - self.rate}
            yield {"name": self.name, "type": "normsys", "data": factors}

        def shifted(self, nominal, up, down):  # noqa: ARG002
            return up * (1 + self.rate), down * (1 - self.rate)

    return Ramp, RateAndShape


def of_observables():
    class LineSettings(Trained):
        """A sigmoid of a sum of the features, in bins of equal width."""

        kind: Literal["line"]
        parts: int = 3

    class Line(Observable):
        direction: jax.Array
        features: tuple[str, ...] = eqx.field(static=True)
        parts: int = eqx.field(static=True)

        @property
        def edges(self):
            return jnp.linspace(0, 1, self.parts + 1)

        def respond(self, events):
            return jax.nn.sigmoid(events @ self.direction)

        def hard(self, response):
            return response

        def widths(self, response, weights, progress):  # noqa: ARG002
            return jnp.asarray(0.05)

        def shares(self, response, widths):
            return kernel_shares(response, self.edges, widths)

        def trainable(self):
            return jax.tree.map(lambda _: True, self)

    @create_observable.register
    def _(settings: LineSettings, features, events, key):  # noqa: ARG001
        return Line(jax.random.normal(key, (len(features),)), tuple(features), settings.parts)

    return (LineSettings,)


@pytest.fixture(scope="module", autouse=True)
def kinds():
    """Only here: other tests list all kinds there are."""
    found = (*of_systematics(), *of_observables())
    yield found
    for kind in found:
        # What has no annotation of its tag is no kind.
        del kind.__annotations__[kind.tag]


@pytest.fixture(scope="module")
def analysis():
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    config["systematics"] += [
        {"name": "tilt", "type": "ramp", "sample": ["signal", "background"], "slope": SLOPE},
        {"name": "scale", "type": "rate_and_shape", "sample": "background", "rate": RATE,
         **DENSITIES},
    ]  # fmt: skip
    config["events"] = {"training": 400, "validation": 2000, "evaluation": 2000}
    config["observables"] = [
        {"name": "line", "kind": "line", "objective": "sigma_mu", "steps": 8, "batch": 200,
         "learning_rate": 0.1, "validate_every": 4}
    ]  # fmt: skip
    return checked_config(config)


def events(analysis, name):
    made = {t.name: generate(analysis, t, name) for t in analysis.templates_of("signal", "line")}
    features = {t: np.stack([e["x"], e["y"]], axis=1) for t, (e, _) in made.items()}
    return EventSets(features, {t: weights for t, (_, weights) in made.items()})


@pytest.fixture(scope="module")
def samples(analysis):
    return processes(analysis, "signal")


@pytest.fixture(scope="module")
def trained(analysis, samples):
    settings = analysis.observable("line")
    (found,) = train(
        Settings.of(analysis, settings), settings, ["x", "y"], samples,
        events(analysis, "training"), events(analysis, "validation"), [1],
        OF_MODEL[settings.objective],
    )  # fmt: skip
    return found


@pytest.fixture(scope="module")
def filled(analysis, trained):
    evaluation = events(analysis, "evaluation")
    return hard_histograms(
        trained.observable, evaluation, scores_of(trained.observable, evaluation)
    )


def test_new_kinds_are_settings_as_others(analysis, kinds):
    assert {type(s) for s in analysis.systematics} > set(kinds[:2])
    for part in (of_training(analysis, "signal", "line"), of_model(analysis, "signal", "line")):
        found = Analysis.model_validate(part).systematics
        assert [type(s) for s in found] == [type(s) for s in analysis.systematics]
        assert found[1].slope == SLOPE
    page = first_page(analysis, "", "", "")
    assert "*tilt* (``ramp``) of signal, background" in page
    assert "*line* (of kind line)" in page


def test_a_new_kind_of_observable_is_trained_and_stored(analysis, trained, tmp_path):
    assert [row["skipped"] for row in trained.history] == [0, 0, 0]
    # sigma_mu depends on all systematics
    assert trained.history[2]["training_objective"] < trained.history[1]["training_objective"]
    path, settings = tmp_path / "model.safetensors", analysis.observable("line")
    save_observable(path, trained.observable, settings, {})
    loaded, found = load_observable(path)
    assert found == settings
    assert eqx.tree_equal(loaded, trained.observable)
    session = InferenceSession(onnx_model([loaded], found.kind, {}).SerializeToString())
    matrix = np.random.default_rng(0).normal(size=(50, len(loaded.features)))
    inputs = dict(zip(loaded.features, matrix.T.copy(), strict=True))
    (score,) = session.run(["score"], inputs)
    np.testing.assert_allclose(score, loaded(matrix), atol=1e-14)


def test_new_kinds_are_fitted_as_they_are_trained(samples, filled):
    spec = build_workspace(samples, filled, np.zeros(3), staterror=True)
    model = pyhf.Workspace(spec).model()
    written = from_pyhf(model)
    found = fill(template_model(samples, 3, True), samples, filled)
    assert found.layout == written.layout
    pars = np.array(written.config.suggested_init()) + 0.1
    data = np.asarray(written.expected_data(written.config.suggested_init()))
    np.testing.assert_allclose(found.logpdf(pars, data), written.logpdf(pars, data), rtol=1e-13)

    def expected(name, alpha):
        pars = np.array(model.config.suggested_init())
        pars[model.config.par_slice("mu")] = 0
        pars[model.config.par_slice(name)] = alpha
        return model.expected_data(pars, include_auxdata=False)

    ramp = SLOPE * np.array([-1, 0, 1])
    nominal = filled["background"].values
    for alpha, side in ((1, "up"), (-1, "down")):
        np.testing.assert_allclose(expected("tilt", alpha), nominal * (1 + alpha * ramp))
        own = filled[f"background__scale_{side}"].values
        np.testing.assert_allclose(expected("scale", alpha), own * (1 + alpha * RATE))


def test_a_systematic_of_bins_has_no_floor(analysis, samples):
    with pytest.raises(FitError, match=r"'tilt' \(ramp\) depends on the binning"):
        fine_histograms(analysis, samples)


def test_new_kinds_are_drawn(samples, filled):
    edges, channels = {"": np.linspace(0, 1, 4)}, {"signal_region": 3}
    _, fitted, effects = postprocess(samples, filled, channels, [], 0.01)
    shown = variations(samples, filled, fitted, effects, channels)
    found = {(v.systematic, v.sample): v for v in shown}
    tilt, scale = found["tilt", "signal"], found["scale", "background"]
    assert tilt.notes == ("a ramp",)
    np.testing.assert_allclose(tilt.up / filled["signal"].values, [1 - SLOPE, 1, 1 + SLOPE])
    varied = filled["background__scale_up"].values
    np.testing.assert_allclose(scale.up, varied * (1 + RATE))
    draw_systematics(shown, fitted, edges, "line")
    draw_templates(samples, filled, np.zeros(3), edges, channels, "line")
    plt.close("all")
