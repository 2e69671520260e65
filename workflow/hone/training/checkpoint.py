"""Checkpoints, from which a killed training resumes with the same result."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from safetensors import SafetensorError

from hone.observable.storage import load_tensors, save_tensors

__all__ = ["Checkpoint", "Progress", "Record"]

log = logging.getLogger(__name__)


class Progress(TypedDict):
    """Of one seed."""

    history: list[dict[str, float]]
    best: float
    """Objective."""
    waited: int
    """Validations since."""
    stopped: bool


class Record(TypedDict):
    """Where a training stands, besides its arrays."""

    step: int
    seconds: float
    progress: list[Progress]
    """Of each seed."""


@dataclass(frozen=True)
class Checkpoint:
    """A file that is written at each validation, for one config, code and data.

    It holds the arrays of the training (weights, optimiser, best weights) and, as JSON in its
    metadata, the step, the histories and early stopping. Batches follow from the seed and the
    step, so that no random state is needed.
    """

    path: Path
    identity: Mapping[str, str]
    """Digests of ``settings``, ``code``, ``events``, ..."""

    def save(self, arrays: Any, record: Record) -> None:
        """Replace the file."""
        metadata = {"identity": json.dumps(dict(self.identity)), "record": json.dumps(record)}
        save_tensors(self.path, arrays, metadata)

    def load(self, like: Any) -> tuple[Any, Record] | None:
        """Arrays and record, or None if there is no usable checkpoint; the log says why."""
        if not self.path.exists():
            return None
        try:
            arrays, metadata = load_tensors(self.path, like)
            identity, record = json.loads(metadata["identity"]), json.loads(metadata["record"])
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            log.warning("%s cannot be read (%s): training starts from scratch", self.path, error)
            return None
        changed = [
            name
            for name in sorted({*identity, *self.identity})
            if identity.get(name) != self.identity.get(name)
        ]
        if changed:
            others = " and ".join(changed)
            log.warning("%s belongs to other %s: training starts from scratch", self.path, others)
            return None
        log.info("resuming at step %d from %s", record["step"], self.path)
        return arrays, record

    def remove(self) -> None:
        """The training is done."""
        self.path.unlink(missing_ok=True)
