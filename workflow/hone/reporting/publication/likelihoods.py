"""Workspaces and patchsets for HEPData in one archive, with their digests."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import cast

import jsonpatch
import pyhf
from tabulate import tabulate

from hone.errors import InputError, ModelError
from hone.likelihood.hs3 import to_hs3
from hone.likelihood.specification import Workspace
from hone.reporting.publication.root_formats import datacard_files, xml_files
from hone.running.files import as_json, read_json
from hone.running.same_workspace import workspace_digest

__all__ = ["likelihood_files", "pyhf_digests"]


def pyhf_digests(files: Mapping[str, Path]) -> dict[str, str]:
    """SHA-256 of each JSON file as ``pyhf digest`` prints it."""
    return {name: workspace_digest(path) for name, path in sorted(files.items())}


def likelihood_files(
    analysis: str,
    workspaces: Mapping[tuple[str, str], Path],
    patchsets: Mapping[str, tuple[Path, Path]],
    observed: str | None,
) -> dict[str, bytes | Path]:
    """Contents of the archive by name: JSON, other formats, ``digests.json`` and a README.

    What a format cannot say is left out; the README has the reason.

    Args:
        analysis: its name.
        workspaces: of each signal and observable.
        patchsets: background-only workspace and patchset of each observable, if any.
        observed: what the observation is, ``data`` or ``pseudo-data``; None in a blind analysis.

    Raises:
        InputError: a patchset does not reproduce the workspaces.
    """
    found = {f"{o}/{s}/workspace.json": path for (s, o), path in workspaces.items()}
    for observable, (background, patchset) in patchsets.items():
        of_signals = [path for (_, o), path in workspaces.items() if o == observable]
        _check_patches(background, patchset, of_signals)
        found[f"{observable}/background_only.json"] = background
        found[f"{observable}/patchset.json"] = patchset
    hs3 = {
        f"{o}/{s}/hs3.json": as_json(to_hs3(cast("Workspace", read_json(path)))).encode()
        for (s, o), path in workspaces.items()
    }
    others: dict[str, bytes] = {}
    missing = []
    for (s, o), path in workspaces.items():
        for folder, write in (("combine", datacard_files), ("xml", xml_files)):
            try:
                files = write(cast("Workspace", read_json(path)))
            except ModelError as error:
                missing.append(f"{o}/{s}/{folder}: {error}")
            else:
                others |= {f"{o}/{s}/{folder}/{name}": content for name, content in files.items()}
    digests = pyhf_digests(found)
    examples = [
        (observable, str(read_json(patchset)["patches"][0]["metadata"]["name"]))
        for observable, (_, patchset) in patchsets.items()
    ]
    readme = _readme(analysis, digests, examples[:1], observed, missing)
    return {
        **found,
        **hs3,
        **others,
        "README.md": readme.encode(),
        "digests.json": as_json({"sha256": digests}).encode(),
    }


def _check_patches(background: Path, patchset: Path, workspaces: Iterable[Path]) -> None:
    spec, patches = read_json(background), pyhf.PatchSet(read_json(patchset))
    try:
        patches.verify(spec)
        made = {pyhf.utils.digest(patch.apply(spec)) for patch in patches}
    except (pyhf.exceptions.PatchSetVerificationError, jsonpatch.JsonPatchException):
        made = set()
    for path in workspaces:
        if workspace_digest(path) not in made:
            raise InputError(
                f"{patchset} and {background} do not give {path}: one of them was changed or "
                "exchanged; remove them, and run Snakemake again"
            )


def _readme(
    analysis: str,
    digests: Mapping[str, str],
    patches: Sequence[tuple[str, str]],
    observed: str | None,
    missing: Sequence[str],
) -> str:
    observation = {
        "data": "data",
        "pseudo-data": "pseudo-data: simulated events, not data",
        None: "the expectation: the analysis is blind",
    }[observed]
    example = next(name for name in digests if name.endswith("/workspace.json"))
    lines = [
        f"# Likelihoods of the analysis {analysis}",
        "",
        "HistFactory models in the JSON format of pyhf (https://pyhf.readthedocs.io), in folders",
        "by observable and signal. The POI scales the signal.",
        "The observation in them is " + observation + ".",
        "",
        "`hs3.json` is the same model in HS3 0.2, which ROOT reads (`RooJSONFactoryWSTool`).",
        "`xml/` is the same in the XML of HistFactory (`cd xml; hist2workspace FitConfig.xml`).",
        "`combine/` has a datacard of Combine: equal at each parameter's nominal value and one",
        "standard deviation off, an approximation elsewhere; the card says what differs.",
        "",
        "```console",
        f"$ pyhf cls {example}",
        f"$ pyhf digest {example}",
        "```",
    ]
    if missing:
        lines += ["", "Not written, since the format cannot say it:", ""]
        lines += [f"- {reason}" for reason in missing]
    for observable, patch in patches:
        pair = f"{observable}/background_only.json {observable}/patchset.json"
        lines += [
            "",
            "`patchset.json` turns `background_only.json` into the workspace of each signal. Since",
            "the observable is trained for each signal, patches replace the background as well.",
            "The number of the HEPData record in it is a placeholder.",
            "",
            "```console",
            f"$ pyhf patchset verify {pair}",
            f"$ pyhf patchset apply --name {patch} {pair}",
            "```",
            "",
            "A patch has the name of its signal, with underscores for hyphens.",
        ]
    files = [[f"`{name}`", f"`{digest}`"] for name, digest in digests.items()]
    lines += ["", tabulate(files, ["file", "pyhf's SHA-256"], tablefmt="github"), ""]
    return "\n".join(lines)
