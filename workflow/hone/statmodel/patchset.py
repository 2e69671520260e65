"""All hypotheses of an analysis as a pyhf patchset on one background-only workspace."""

import copy
from collections.abc import Mapping

import jsonpatch
import pyhf

from hone.analysis.short_names import underscored
from hone.errors import InputError
from hone.likelihood.specification import Workspace
from hone.running.files import Json

__all__ = ["background_only", "make_patchset"]


def background_only(workspace: Workspace, signal: str) -> Workspace:
    """A workspace without the signal sample."""
    found = copy.deepcopy(workspace)
    for channel in found["channels"]:
        channel["samples"] = [s for s in channel["samples"] if s["name"] != signal]
    return found


def make_patchset(
    workspaces: Mapping[str, Workspace],
    parameters: Mapping[str, Mapping[str, float]],
    description: str,
) -> tuple[Workspace, Json]:
    """A background-only workspace, and patches that turn it into the workspace of each hypothesis.

    The observable is trained for each hypothesis, so that the background differs: a patch adds the
    signal and replaces the background. The background-only workspace is that of the first.

    Args:
        workspaces: by signal.
        parameters: of each signal, e.g. masses; if empty, the name of the signal is used.
        description: of the analysis.

    Returns:
        The background-only workspace and the patchset, valid against pyhf's schema.

    Raises:
        InputError: a patch does not reproduce its workspace.
    """
    names = list(workspaces)
    background = background_only(workspaces[names[0]], names[0])
    labels = list(parameters[names[0]]) or ["signal"]
    patches = []
    for name, workspace in workspaces.items():
        values = [parameters[name][label] for label in labels] if parameters[name] else [name]
        patches.append(
            {
                # pyhf allows no hyphens in these names.
                "metadata": {"name": underscored(name), "values": values},
                "patch": jsonpatch.make_patch(background, workspace).patch,
            }
        )
    spec: Json = {
        "metadata": {
            # The schema requires a HEPData record; there is none yet.
            "references": {"hepdata": "ins0000000"},
            "description": description,
            "digests": {"sha256": pyhf.utils.digest(background)},
            "labels": labels,
        },
        "patches": patches,
        "version": "1.0.0",
    }
    pyhf.schema.validate(spec, "patchset.json")
    made = pyhf.PatchSet(spec)
    for name, workspace in workspaces.items():
        if made[underscored(name)].apply(background) != workspace:
            raise InputError(f"the patch of {name!r} does not reproduce its workspace")
    return background, spec
