"""What a killed training needs to go on as if it had not been killed."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from hone.observable.storage import load_tensors, save_tensors

__all__ = ["Checkpoint"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """A file that is written at each validation, and belongs to one config, code and data.

    It holds the arrays of the training (weights, optimiser, best weights) and, as JSON in its
    metadata, the step, the histories, and early stopping. Random numbers follow from the seed and
    the step, so that these two are the random state and the place in the data.
    """

    path: Path
    identity: Mapping[str, str]
    """Digests by what they are of (``settings``, ``code``, ``events``, ...)."""

    def save(self, arrays: Any, record: Mapping[str, Any]) -> None:
        """Write; the file is whole or the one before."""
        metadata = {"identity": json.dumps(dict(self.identity)), "record": json.dumps(dict(record))}
        save_tensors(self.path, arrays, metadata)

    def load(self, like: Any) -> tuple[Any, dict[str, Any]] | None:
        """Arrays and record, or None if there is nothing to go on from; the log says why."""
        if not self.path.exists():
            return None
        try:
            arrays, metadata = load_tensors(self.path, like)
            identity, record = json.loads(metadata["identity"]), json.loads(metadata["record"])
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            log.warning("%s cannot be read (%s): training starts anew", self.path, error)
            return None
        changed = [
            name
            for name in sorted({*identity, *self.identity})
            if identity.get(name) != self.identity.get(name)
        ]
        if changed:
            log.warning("%s is of other %s: training starts anew", self.path, " and ".join(changed))
            return None
        log.info("going on from step %d of %s", record["step"], self.path)
        return arrays, record

    def remove(self) -> None:
        """The training is done."""
        self.path.unlink(missing_ok=True)
