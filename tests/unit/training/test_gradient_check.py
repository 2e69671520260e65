"""The check of a training's gradient agrees where it should, and finds a wrong one."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from blobs import chosen, events, problem_of

from hone.errors import InputError
from hone.reporting.figures.gradient import draw_gradient
from hone.training.batches import draw_batch
from hone.training.gradient import check_gradient, in_double_precision


@pytest.fixture(scope="module")
def problem():
    return problem_of(events("training", 1000), hidden=[4], batch=300)


def batch_of(problem, data):
    return draw_batch(data, problem.settings.batch, jax.random.key(9))


def test_autodiff_and_differences_agree_with_both_branches(problem):
    problem, data, observable = problem
    found = check_gradient(
        problem, observable, batch_of(problem, data), np.random.default_rng(1), 2,
        (1e-1, 1e-3, 1e-5, 1e-6, 1e-9),
    )  # fmt: skip
    # The objective is that of the training, at its end.
    value = problem.loss(observable, batch_of(problem, data), 1.0)
    assert found["objective"] == pytest.approx(float(value))
    relative = np.array(found["relative"])
    assert (relative.min(axis=1) < 1e-6).all()
    # truncation at large steps, rounding at tiny ones
    assert (relative[:, 0] > 100 * relative.min(axis=1)).all()
    assert (relative[:, -1] > 3 * relative.min(axis=1)).all()
    assert found["parameters"] == sum(
        x.size for x in jax.tree.leaves(eqx.filter(observable, observable.trainable()))
    )


def test_a_wrong_gradient_is_found():
    """A function whose derivative JAX is told wrongly."""

    @jax.custom_jvp
    def square(x):
        return x**2

    square.defjvp(lambda x, dot: (x[0] ** 2, 2.1 * x[0] * dot[0]))

    class Quadratic:
        def loss(self, observable, batch, progress):  # noqa: ARG002
            return square(observable.x).sum()

    class Point(eqx.Module):
        x: jax.Array

        def trainable(self):
            return jax.tree.map(lambda _: True, self)

    point = Point(jnp.array([1.0, 2.0, -1.0]))
    found = check_gradient(Quadratic(), point, {}, np.random.default_rng(1), 3, (1e-2, 1e-4))
    np.testing.assert_allclose(found["relative"], 0.1 / 2.1, rtol=1.3, atol=0.01)
    assert (np.array(found["relative"]) > 1e-3).all()


def test_an_objective_that_is_not_finite_is_refused(problem):
    problem, data, observable = problem
    broken = eqx.tree_at(lambda o: o.edge_logits, observable, observable.edge_logits * np.nan)
    with pytest.raises(InputError, match="not finite"):
        check_gradient(problem, broken, batch_of(problem, data), np.random.default_rng(1))


def test_double_precision_keeps_the_numbers():
    *_, single = problem_of(events("training", 1000), precision="float32", hidden=[4])
    double = in_double_precision(single, chosen(hidden=[4]))
    sample = events("training", 1000).features["signal"][:50]
    np.testing.assert_allclose(single(sample), double(sample), rtol=2e-6)
    numbers = jax.tree.leaves(eqx.filter(double, double.trainable()))
    assert {x.dtype for x in numbers} == {np.dtype("float64")}
    assert in_double_precision(double, chosen(hidden=[4], precision="float64")) is double


def checked(**changes):
    steps = 10.0 ** -np.arange(1, 8.5, 0.5)
    relative = [list((k * steps) ** 2 + 1e-14 * k / steps) for k in (1, 3)]
    relative[0][3] = None
    return {"steps": list(steps), "relative": relative, "precision": "float32",
            "objective_name": "cls", "reason": None} | changes  # fmt: skip


def test_what_is_not_finite_is_said():
    figure = draw_gradient(checked(reason="the objective is not finite"), "o")
    assert "not finite" in figure.axes[0].texts[0].get_text()
    draw_gradient(checked(relative=[[0.0] * 15, [None] * 15], precision="float64"), "o")


@pytest.mark.mpl_image_compare(savefig_kwargs={"dpi": 40}, remove_text=False)
def test_gradient_picture():
    return draw_gradient(checked(), "o")
