"""All hypotheses of an analysis as pyhf's patches on one background-only workspace."""

import copy
from collections.abc import Mapping
from typing import Any

import jsonpatch
import pyhf

from hone.analysis.short_names import underscored
from hone.errors import InputError

__all__ = ["background_only", "make_patchset"]


def background_only(workspace: Mapping[str, Any], signal: str) -> dict[str, Any]:
    """A workspace without the signal sample."""
    found = copy.deepcopy(dict(workspace))
    for channel in found["channels"]:
        channel["samples"] = [s for s in channel["samples"] if s["name"] != signal]
    return found


def make_patchset(
    workspaces: Mapping[str, Mapping[str, Any]],
    parameters: Mapping[str, Mapping[str, float]],
    description: str,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A background-only workspace, and the patches that make each hypothesis' workspace of it.

    An observable is trained for each hypothesis, and so its bins of the background differ: a patch
    adds the signal and exchanges these bins. The background-only workspace is the first one's.

    Args:
        workspaces: by signal.
        parameters: of each signal, as masses; the name of the signal where there are none.
        description: of the analysis.

    Returns:
        The background-only workspace and the patchset, valid against pyhf's schema.

    Raises:
        InputError: a patch does not give back its workspace.
    """
    names = list(workspaces)
    background = background_only(workspaces[names[0]], names[0])
    labels = list(parameters[names[0]]) or ["signal"]
    patches = []
    for name, workspace in workspaces.items():
        values = [parameters[name][label] for label in labels] if parameters[name] else [name]
        patches.append(
            {
                # pyhf knows no hyphens in these names.
                "metadata": {"name": underscored(name), "values": values},
                "patch": jsonpatch.make_patch(background, dict(workspace)).patch,
            }
        )
    spec = {
        "metadata": {
            # The schema wants the number of a record at HEPData: none yet.
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
            raise InputError(f"the patch of {name!r} does not give back its workspace")
    return background, spec
