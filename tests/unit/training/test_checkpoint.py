"""A killed training resumes from its checkpoint, or says why it does not."""

import numpy as np
import pytest
from blobs import events, numbers, on_disk, trained_with

from hone.training import loop, streaming
from hone.training.checkpoint import Checkpoint

# What is stored does not depend on the objective, and this one needs no fit.
QUICK = {"objective": "bce", "edges": "equal", "steps": 40}


@pytest.fixture(scope="module")
def undisturbed():
    return trained_with([1, 2], **QUICK)


@pytest.mark.parametrize("where", ["memory", "disk"])
def test_a_killed_training_goes_on_as_if_it_had_not_been(
    where, undisturbed, tmp_path, monkeypatch, caplog
):
    """Also if its events are on disk, and the steps between validations are read in two pieces:
    then the program is another one, and adds up a loss in another order."""
    training, rounding = events("training"), 0.0
    if where == "disk":
        training, rounding = on_disk(training), 1e-14
        monkeypatch.setattr(streaming, "_LARGEST", 2 * 10 * 1000 * 2 * 3 * 8)
    identity = {"settings": "a", "code": "b", "events": "c"}
    path = tmp_path / "checkpoint.safetensors"
    calls, settle = [], loop._settle

    def kill(*arguments):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return settle(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(loop, "_settle", kill)
        with pytest.raises(KeyboardInterrupt):
            trained_with([1, 2], training, checkpoint=Checkpoint(path, identity), **QUICK)
    with caplog.at_level("INFO", logger="hone"):
        resumed = trained_with([1, 2], training, checkpoint=Checkpoint(path, identity), **QUICK)
    assert "resuming at step 20" in caplog.text
    for a, b in zip(undisturbed, resumed, strict=True):
        assert a.objective == b.objective
        for x, y in zip(numbers(a.observable), numbers(b.observable), strict=True):
            np.testing.assert_array_equal(x, y)
        for x, y in zip(numbers(a.snapshots), numbers(b.snapshots), strict=True):
            np.testing.assert_array_equal(x, y)
        for x, y in zip(a.history, b.history, strict=True):
            expected = pytest.approx({**x, "seconds": 0}, rel=rounding, abs=0, nan_ok=True)
            assert {**y, "seconds": 0} == expected


def test_a_checkpoint_of_something_else_is_not_used(tmp_path, caplog):
    path = tmp_path / "checkpoint.safetensors"
    trained_with(checkpoint=Checkpoint(path, {"code": "a", "events": "b"}), **QUICK)
    with caplog.at_level("INFO", logger="hone"):
        found = trained_with(checkpoint=Checkpoint(path, {"code": "x", "events": "b"}), **QUICK)[0]
    assert "belongs to other code: training starts from scratch" in caplog.text
    assert [row["step"] for row in found.history] == [0, 20, 40]
    path.write_bytes(path.read_bytes()[:100])
    trained_with(checkpoint=Checkpoint(path, {"code": "x", "events": "b"}), **QUICK)
    assert "cannot be read" in caplog.text
