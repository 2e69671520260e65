"""Events: reproducible, independent, distributed as said; ROOT files whole or refused."""

from pathlib import Path

import numpy as np
import pytest
import uproot
import yaml

from hone.analysis import Template, checked_config
from hone.analysis.distributions import Block
from hone.analysis.regions import ONE_REGION
from hone.analysis.sections import Observation
from hone.errors import InputError
from hone.events import TREE, WEIGHT, cell_probabilities, draw, generate, pseudo_data, write_events
from hone.events.reader import Reader
from hone.events.sources import Source

ROOT = Path(__file__).parents[3]
CONFIG = checked_config(yaml.safe_load((ROOT / "config" / "config.yaml").read_text()))
MIXED = [
    Block.checked(block) for block in (
        {"kind": "normal", "variables": ["a", "b"], "mean": [2, 0], "covariance": [[5, 1], [1, 9]]},
        {"kind": "exponential", "variables": ["c"], "rate": 3},
    )
]  # fmt: skip


def made(template, events_set):
    return generate(CONFIG, CONFIG.template(template), events_set)


def test_same_seed_same_events_and_sets_are_independent():
    first, _ = made("background", "training")
    again, _ = made("background", "training")
    np.testing.assert_array_equal(first["x"], again["x"])
    for template, events_set in (
        ("background", "validation"), ("background__shape_up", "training"), ("signal", "training"),
    ):  # fmt: skip
        other, _ = made(template, events_set)
        assert not np.isin(first["x"], other["x"]).any()


def test_moments_and_weights():
    for template, mean in (
        ("signal", (-1, 1)),
        ("background__shape_up", (2.5, 2)),
        ("background__shape_down", (-2.5, -1.5)),
    ):
        events, weights = made(template, "evaluation")
        expected = 20 if template == "signal" else 100
        assert weights.sum() == pytest.approx(expected)
        error = 1 / np.sqrt(len(weights))
        assert events["x"].mean() == pytest.approx(mean[0], abs=5 * error)
        assert events["y"].mean() == pytest.approx(mean[1], abs=5 * error)
        assert np.cov(events["x"], events["y"]) == pytest.approx(np.eye(2), abs=0.02)


def test_pseudo_data_is_poisson_around_the_expectation():
    observed = [Observation(mu=1.0, seed=seed) for seed in range(200)]
    sizes = [len(pseudo_data(CONFIG.model_copy(update={"observation": o}))["x"]) for o in observed]
    assert np.mean(sizes) == pytest.approx(120, abs=5 * np.sqrt(120 / 200))
    assert np.var(sizes) == pytest.approx(120, rel=0.4)


def test_cell_probabilities_match_drawn_events():
    edges = {"c": np.linspace(0, 2, 9), "a": np.linspace(-8, 12, 41), "b": np.linspace(-12, 12, 49)}
    cells = cell_probabilities(MIXED, edges)
    assert cells.shape == (8, 40, 48)
    assert cells.sum() == pytest.approx(1, abs=0.01)
    events = draw(MIXED, 200_000, np.random.default_rng(0))
    coarse, _ = np.histogramdd(
        [events[name] for name in edges], bins=[edges["c"][::4], edges["a"][::20], edges["b"][::24]]
    )
    merged = cells.reshape(2, 4, 2, 20, 2, 24).sum(axis=(1, 3, 5))
    np.testing.assert_allclose(coarse / 200_000, merged, atol=0.006)


@pytest.fixture
def event_file(tmp_path):
    path = tmp_path / "events.root"
    rng = np.random.default_rng(0)
    write_events(
        path, {"x": rng.normal(size=500), "y": rng.normal(size=500)}, np.ones(500), {"a": 1}
    )
    return path


def read(path, features):
    source = Source(Template("s"), (str(path),), TREE, {"s": WEIGHT})
    return list(Reader(source, features, (ONE_REGION,)).batches())


def test_root_files_round_trip(event_file):
    (batch,) = read(event_file, ["y", "x"])
    matrix, weights = batch.features, batch.nominal
    with uproot.open(event_file) as file:
        np.testing.assert_array_equal(file["events/x"].array(library="np"), matrix[:, 1])
        assert file["provenance"] == '{"a": 1}'
        assert file["events"].num_entries == len(weights) == 500
        assert "LZ4" in str(file.file.compression)
        constant = file["events/weight"]
        assert constant.compressed_bytes < 0.1 * constant.uncompressed_bytes


def test_no_events_are_a_valid_file(tmp_path):
    write_events(tmp_path / "none.root", {"x": np.zeros(0)}, np.zeros(0), {})
    assert read(tmp_path / "none.root", ["x"]) == []


def test_damaged_files_are_refused_by_name(event_file, tmp_path):
    cut = tmp_path / "cut.root"
    cut.write_bytes(event_file.read_bytes()[:1500])
    with pytest.raises(InputError, match=r"cut\.root cannot be read"):
        read(cut, ["x"])
    with pytest.raises(
        InputError, match=r"no branch 'z' in its tree '\w+', .*; it has x, y, weight"
    ):
        read(event_file, ["x", "z"])
    bad = tmp_path / "nan.root"
    write_events(bad, {"x": np.array([1.0, np.nan])}, np.ones(2), {})
    with pytest.raises(InputError, match=r"nan\.root: feature 'x' is nan in event 1"):
        read(bad, ["x"])
