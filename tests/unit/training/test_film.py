"""Snapshots of a training, and what is seen in them."""

import equinox as eqx
import numpy as np
import pytest
from blobs import CUTS, SAMPLES, events, numbers, trained_with
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from hone.errors import InputError
from hone.reporting.figures.animation import animate_training
from hone.reporting.figures.pages import save_animation
from hone.training.film import make_film
from hone.training.snapshots import Snapshots, load_snapshots

FRAMES = [0, 20, 40, 60]


@pytest.fixture(scope="module")
def trained():
    return trained_with([1])


@pytest.fixture(scope="module")
def film(trained, tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "snapshots.safetensors"
    first = trained[0]
    first.snapshots.save(path, first.history[-1]["step"], {"rule": "train_observable"})
    shown = load_snapshots(path, first.observable)
    return make_film(shown, 60, events("validation"), SAMPLES, staterror=True)


def test_snapshots_are_the_observable_at_its_steps(trained, tmp_path):
    (result,) = trained
    result.snapshots.save(tmp_path / "a.safetensors", 60, {})
    shown = dict(load_snapshots(tmp_path / "a.safetensors", result.observable))
    assert list(shown) == FRAMES
    best = min(result.history[1:], key=lambda row: row["validation_objective"])["step"]
    for kept, snapshot in zip(numbers(result.observable), numbers(shown[best]), strict=True):
        np.testing.assert_array_equal(kept, snapshot)
    for step, row in zip(FRAMES, result.history, strict=True):
        edges = [row[f"edge_{k}"] for k in range(5)]
        np.testing.assert_allclose(shown[step].edges, edges)


def test_a_training_that_stops_early_has_the_snapshots_until_then(trained, tmp_path):
    result = trained[0]
    result.snapshots.save(tmp_path / "a.safetensors", 40, {})
    assert [s for s, _ in load_snapshots(tmp_path / "a.safetensors", result.observable)] == [
        0, 20, 40,
    ]  # fmt: skip
    (tmp_path / "a.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputError, match="no snapshots"):
        load_snapshots(tmp_path / "a.safetensors", result.observable)


def test_large_observables_have_fewer_snapshots():
    class Settings:
        steps, validate_every = 1000, 10

    few = Snapshots.of(Settings, np.zeros(1_000_000))
    assert few.steps.tolist() == [0, 250, 500, 750, 1000]
    assert len(Snapshots.of(Settings, np.zeros(10)).steps) == 25


def test_a_frame_has_all_yields_and_a_likelihood_that_is_lowest_at_one(film):
    for frame in film.frames:
        for name, total in (("signal", 20), ("background", 100)):
            assert frame.soft[name].sum() == pytest.approx(total)
            assert frame.hard[name].sum() == pytest.approx(total)
            assert frame.scores[name].sum() == pytest.approx(1)
        assert film.strengths[np.argmin(frame.rise)] == pytest.approx(1)
        assert np.min(frame.rise) == pytest.approx(0, abs=1e-6)
        assert (np.diff(frame.rise[:11]) <= 1e-9).all()
        assert np.nanmin(frame.plane) >= 0
        assert np.nanmax(frame.plane) <= 1
    # the bandwidth shrinks: soft bins become hard ones
    apart = [
        np.abs(frame.soft["background"] - frame.hard["background"]).sum() for frame in film.frames
    ]
    assert apart[-1] < apart[0]


def test_an_animation_is_the_same_each_time(film, trained, tmp_path):
    short = film._replace(frames=film.frames[:2])
    for path in (tmp_path / "a.gif", tmp_path / "b.gif"):
        animation = animate_training(short, trained[0].history, "neos")
        save_animation(animation, path)
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()
    with Image.open(tmp_path / "a.gif") as picture:
        assert picture.n_frames == 2
        shown = []
        for frame in range(2):
            picture.seek(frame)
            shown.append(picture.info["duration"])
        assert shown == [200, 1200]
        last = np.asarray(picture.convert("RGB"), dtype=float)
    # as if all of it was drawn, not only what moves
    for artist in animation.draw(1):
        artist.set_animated(False)
    animation.figure.set_dpi(75)
    canvas = FigureCanvasAgg(animation.figure)
    canvas.draw()
    whole = np.asarray(canvas.buffer_rgba())[..., :3]
    assert np.abs(last - whole).mean() < 1
    with pytest.raises(InputError, match="no snapshot"):
        animate_training(film._replace(frames=[]), trained[0].history, "neos")


def test_cuts_move_too(tmp_path):
    (result,) = trained_with(kind="cuts", cuts=CUTS, objective="z_a", steps=20, validate_every=10)
    result.snapshots.save(tmp_path / "a.safetensors", 20, {})
    shown = load_snapshots(tmp_path / "a.safetensors", result.observable)
    assert eqx.tree_equal(shown[0][1], shown[-1][1]) is not True
    film = make_film(shown, 20, events("validation"), SAMPLES, staterror=True)
    assert np.isnan(film.frames[0].plane).any()
    assert film.frames[0].hard["background"].sum() < 100
    animate_training(film, result.history, "cut").draw(len(film.frames) - 1)


@pytest.mark.mpl_image_compare(savefig_kwargs={"dpi": 40})
def test_the_last_frame_of_an_animation(film, trained):
    animation = animate_training(film, trained[0].history, "neos")
    animation.draw(len(FRAMES) - 1)
    return animation.figure
