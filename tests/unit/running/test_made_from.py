"""Results of another workspace are refused wherever they meet."""

import json
from pathlib import Path

import pyhf
import pytest

from hone.errors import InputError
from hone.reporting.publication.likelihoods import likelihood_files
from hone.reporting.publication.selected import selected_results
from hone.running.files import write_json
from hone.running.same_workspace import refuse_foreign, workspace_digest
from hone.statmodel.patchset import make_patchset

SCRIPTS = Path(__file__).parents[3] / "workflow" / "scripts"


@pytest.fixture
def workspaces():
    """Of two hypotheses."""
    found = {}
    for name, signal in (("s1", [4.0, 6.0]), ("s2", [6.0, 4.0])):
        sample = {"name": name, "data": signal, "modifiers": [
            {"name": "mu", "type": "normfactor", "data": None}
        ]}  # fmt: skip
        background = {"name": "b", "data": [50.0, 60.0], "modifiers": [
            {"name": "rate", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}}
        ]}  # fmt: skip
        found[name] = {
            "channels": [{"name": "c", "samples": [sample, background]}],
            "observations": [{"name": "c", "data": [50.0, 60.0]}],
            "measurements": [{"name": "limit", "config": {"poi": "mu", "parameters": []}}],
            "version": "1.0.0",
        }
    return found


@pytest.fixture
def files(tmp_path, workspaces):
    """Workspaces, limits and patchset of an observable."""
    found = {}
    for name, spec in workspaces.items():
        found[name] = tmp_path / name / "workspace.json"
        write_json(found[name], spec)
        made = {"provenance": {"workspace": pyhf.utils.digest(spec)}}
        write_json(found[name].with_name("limits.json"), made)
    background, patchset = make_patchset(workspaces, {"s1": {}, "s2": {}}, "test")
    write_json(tmp_path / "background_only.json", background)
    write_json(tmp_path / "patchset.json", patchset)
    return found


def edited(path, place=0):
    """As by hand: one number."""
    spec = json.loads(path.read_text())
    spec["channels"][0]["samples"][-1]["data"][place] += 0.5
    path.write_text(json.dumps(spec))


def test_results_of_a_workspace_are_known_by_pyhfs_digest(files, workspaces):
    path = files["s1"]
    assert workspace_digest(path) == pyhf.utils.digest(workspaces["s1"])
    refuse_foreign(path, path.with_name("limits.json"))
    # another layout is the same workspace
    path.write_text(json.dumps(workspaces["s1"], sort_keys=True))
    refuse_foreign(path, path.with_name("limits.json"))


def test_results_of_another_workspace_are_refused(files):
    path, limits = files["s1"], files["s1"].with_name("limits.json")
    with pytest.raises(
        InputError, match=rf"{files['s2'].parent}/limits.json was not made from the present {path}"
    ):
        refuse_foreign(path, limits, files["s2"].with_name("limits.json"))
    edited(path)
    with pytest.raises(InputError, match=r"s1/limits.json was not made from .*remove both"):
        refuse_foreign(path, limits)
    limits.write_text("{}")
    with pytest.raises(InputError, match=r"digest None"):
        refuse_foreign(path, limits)


@pytest.mark.parametrize("victim", [None, "s1/workspace.json", "background_only.json"])
def test_patches_that_do_not_give_the_workspaces_are_refused(files, tmp_path, victim):
    if victim:
        edited(tmp_path / victim)
    arguments = (
        "a",
        {(name, "neos"): path for name, path in files.items()},
        {"neos": (tmp_path / "background_only.json", tmp_path / "patchset.json")},
        None,
    )
    if victim is None:
        assert "neos/patchset.json" in likelihood_files(*arguments)
    else:
        with pytest.raises(InputError, match=r"do not give .*s1/workspace.json"):
            likelihood_files(*arguments)


def test_what_is_selected_for_publication_belongs_together(tmp_path, workspaces):
    folder = tmp_path / "s1" / "neos"
    choice, path = folder / "selected.json", folder / "seed2" / "workspace.json"
    limits = path.with_name("limits.json")
    write_json(choice, {"seed": 2})
    write_json(path, workspaces["s1"])
    write_json(limits, {"provenance": {"workspace": workspace_digest(path)}})
    found = selected_results([choice], [path], [limits])
    assert found == ({("s1", "neos"): path}, {("s1", "neos"): limits})
    edited(path)
    with pytest.raises(InputError, match="was not made from"):
        selected_results([choice], [path], [limits])


def test_every_script_with_both_compares_them():
    """What reads workspaces and what was made from them."""
    both = []
    for path in SCRIPTS.glob("*.py"):
        text = path.read_text()
        if "workspaces" in text and "limits" in text:
            both.append(path.stem)
            assert "refuse_foreign(" in text or "selected_results(" in text, path
    assert {"pack_likelihoods", "make_hepdata", "write_numbers", "scan_likelihood"} < set(both)
