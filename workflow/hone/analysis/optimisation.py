"""Settings of the optimiser: how gradients become steps."""

from collections.abc import Iterator
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Lt
from pydantic import Field

from hone.analysis.settings import AsWhole, NonNegative, Positive, Settings, either

__all__ = ["OPTIMISERS", "Optimisation"]

OPTIMISERS = {
    "adabelief": "b1 b2 eps eps_root nesterov",
    "adadelta": "rho eps weight_decay",
    "adagrad": "initial_accumulator_value eps",
    "adam": "b1 b2 eps eps_root nesterov",
    "adamax": "b1 b2 eps",
    "adamaxw": "b1 b2 eps weight_decay",
    "adamw": "b1 b2 eps eps_root weight_decay nesterov",
    "adan": "b1 b2 b3 eps eps_root weight_decay",
    "amsgrad": "b1 b2 eps eps_root bias_correction_mu bias_correction_nu",
    "lamb": "b1 b2 eps eps_root weight_decay",
    "lion": "b1 b2 weight_decay",
    "nadam": "b1 b2 eps eps_root nesterov",
    "nadamw": "b1 b2 eps eps_root weight_decay nesterov",
    "radam": "b1 b2 eps eps_root threshold nesterov",
    "rmsprop": "decay eps initial_scale eps_in_sqrt centered momentum nesterov bias_correction",
    "sgd": "momentum nesterov",
    "yogi": "b1 b2 eps",
}
"""Optimisers of optax, and their arguments beside the learning rate."""


class Optimisation(Settings):
    """From the gradient to the next weights."""

    optimiser: Annotated[
        Literal[tuple(OPTIMISERS)],  # type: ignore[valid-type]
        either(", ".join(OPTIMISERS)),
    ] = "adam"
    """An optimiser of optax. Those that decay weights (e.g. `adamw`) decay the network's matrices
    only, not biases, edges or cuts."""
    optimiser_arguments: dict[str, float | bool] = Field({})
    """Arguments of the optimiser beside the learning rate, as optax names them, e.g.
    `{weight_decay: 1.0e-3}` of `adamw` or `{momentum: 0.9}` of `sgd`."""
    learning_rate: Annotated[float, Gt(0), Le(1)] = 0.003
    """The learning rate at its highest: at the first step, or after `warmup`."""
    schedule: Literal["cosine", "constant", "exponential", "plateau"] = "cosine"
    """The learning rate falls to zero on a cosine, stays, falls exponentially to a hundredth, or is
    halved when the mean objective of `validate_every` steps has not improved five times."""
    warmup: Annotated[int, Ge(0), AsWhole] = 0
    """Steps in which the learning rate rises linearly from zero, before the schedule begins."""
    gradient_clip: Positive = 1.0
    """Largest norm of the gradient; longer ones are shortened."""
    l1: NonNegative = 0.0
    """Factor of a penalty: the sum of the absolute values in the network's matrices."""
    l2: NonNegative = 0.0
    """Factor of a penalty: the sum of squares in the network's matrices."""
    average: Annotated[float, Ge(0), Lt(1)] = 0.0
    """Decay per step of an exponential average of all that is trained, e.g. 0.99. The average is
    what is validated and kept; 0 for none."""

    def problems_of_optimiser(self) -> Iterator[tuple[str, str]]:
        """Settings that contradict each other, and what is wrong."""
        allowed = OPTIMISERS[self.optimiser].split()
        for name in self.optimiser_arguments:
            if name not in allowed:
                yield (
                    "optimiser_arguments",
                    f"{self.optimiser} has no argument {name!r}; it has {', '.join(allowed)}",
                )
