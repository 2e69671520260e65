"""Likelihoods in formats with ROOT files: datacards of Combine, XML of HistFactory."""

import re
import struct
import tempfile
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import hist
import numpy as np
import pyhf
import pyhf.writexml
import uproot

from hone.errors import ModelError
from hone.likelihood.constraints import check_constraints
from hone.likelihood.datacard import to_datacard
from hone.likelihood.specification import Channel, Parameter, Sample, Workspace
from hone.running.root_files import root_file

__all__ = ["datacard_files", "xml_files"]

_TIME = 1 << 22 | 1 << 17
"""1 January 1995, the first day of ROOT's clock, as it stores it."""


def datacard_files(workspace: Workspace, measurement: str | None = None) -> dict[str, bytes]:
    """``datacard.txt`` of :func:`hone.likelihood.datacard.to_datacard`, and its ``shapes.root``.

    Raises:
        ModelError: as there.
    """
    card = to_datacard(workspace, measurement)

    contents = {}
    for name, (values, variances) in card.histograms.items():
        axis = hist.axis.Regular(len(values), 0, len(values))
        # With variances, also where they are zero: ROOT takes the root of the yield if not.
        contents[name] = hist.Hist(axis, storage=hist.storage.Weight())
        contents[name][...] = np.stack([values, variances], axis=-1)
    return {"datacard.txt": card.text.encode(), "shapes.root": _root_bytes(contents)}


def xml_files(workspace: Workspace, measurement: str | None = None) -> dict[str, bytes]:
    """XML of HistFactory with its histograms, by pyhf, which reads it back.

    ``FitConfig.xml`` is for ``hist2workspace`` in its folder. It has one measurement. XML has no
    names of staterrors, and neither starts nor bounds of parameters, except of a normfactor's.
    What pyhf 0.7.6 does not write is added: normal constraints of staterrors and a threshold of 0,
    which ROOT takes otherwise.

    Raises:
        ModelError: XML cannot say this. The message names the channel, sample, modifier or
            parameter.
        pyhf.exceptions.InvalidSpecification: it is no workspace.
        pyhf.exceptions.InvalidMeasurement: it has no such measurement.
    """
    spec = pyhf.Workspace(dict(workspace))
    name = measurement or spec.measurement_names[0]
    check_constraints(spec, name, "XML")
    for channel in spec["channels"]:
        _check_channel(channel)
    config = {**spec.get_measurement(measurement_name=name)["config"]}
    config["parameters"] = list(_parameters(spec, name))
    written = {
        **spec,
        "channels": [_with_floats(channel) for channel in spec["channels"]],
        "measurements": [{"name": name, "config": config}],
    }
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for part in ("config", "data"):
            (folder / part).mkdir()
        try:
            top = pyhf.writexml.writexml(written, folder / "config", folder / "data", "FitConfig")
        except KeyError as error:
            raise ModelError(
                f"XML would have two histograms of one name: {error.args[0]}"
            ) from None
        (folder / "FitConfig.xml").write_bytes(top)
        found = {
            str(path.relative_to(folder)): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }
        # Paths from the folder of FitConfig.xml on.
        for path in [path for path in found if path.endswith(".xml")]:
            found[path] = _finished(found[path].decode().replace(f"{folder}/", ""))
        with root_file(folder / "data" / "data.root") as histograms:
            arrays = {key: histograms[key].to_numpy() for key in histograms.keys(cycle=False)}
        # As pyhf wrote it, without the time.
        found["data/data.root"] = _root_bytes(arrays)
    return found


def _root_bytes(contents: "Mapping[str, hist.Hist[Any] | tuple[np.ndarray, ...]]") -> bytes:
    """A ROOT file of histograms by name; equal inputs give equal files."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "histograms.root")
        with (
            open(path, "wb+") as raw,
            uproot.recreate(
                raw,
                uuid_function=lambda: uuid.uuid5(uuid.NAMESPACE_URL, "".join(contents)),
                # Enough that nothing is moved: what was moved would stay in the file.
                initial_directory_bytes=1000 + sum(100 + 2 * len(name) for name in contents),
                initial_streamers_bytes=30_000,
            ) as file,
        ):
            for name, histogram in contents.items():
                file[name] = histogram
        return _without_times(path.read_bytes())


def _without_times(file: bytes) -> bytes:
    """A ROOT file, without folders in it, less the times of its writing: equal inputs, equal files.

    The format is that of files below 2 GB: https://root.cern/doc/master/classTFile.html.
    """
    found = bytearray(file)
    begin, end, free = struct.unpack_from(">iii", file, 8)
    (of_name,) = struct.unpack_from(">i", file, 28)
    # Created and modified, of the file itself.
    struct.pack_into(">II", found, begin + of_name + 2, _TIME, _TIME)
    place = begin
    while place < end:
        size, length = _key(found, place)
        # Lists of keys have copies of these, also lists that were too short.
        if file[place + 26 : place + 32] == b"\x05TFile" and place not in (begin, free):
            copy = place + length + 4
            for _ in range(*struct.unpack_from(">i", file, place + length)):
                copy += _key(found, copy)[1]
        place += size
    return bytes(found)


def _key(file: bytearray, place: int) -> tuple[int, int]:
    """Size of a key's record and of the key; its time is set."""
    (size,) = struct.unpack_from(">i", file, place)
    if size < 0:
        return -size, 0  # free
    struct.pack_into(">I", file, place + 10, _TIME)
    (length,) = struct.unpack_from(">h", file, place + 14)
    return size, length


def _with_floats(channel: Channel) -> Channel:
    """pyhf divides in the type of the yields."""
    samples: list[Sample] = [{**s, "data": list(map(float, s["data"]))} for s in channel["samples"]]
    return {**channel, "samples": samples}


def _parameters(workspace: pyhf.Workspace, measurement: str) -> Iterator[Parameter]:
    """What XML can say of the parameters."""
    config = workspace.model(measurement_name=measurement).config
    given = workspace.get_measurement(measurement_name=measurement)["config"]["parameters"]
    by_hand = {parameter["name"] for parameter in given if parameter.get("fixed")}
    for name in config.par_order:
        found = config.param_set(name)
        start = found.suggested_init[0]
        if not re.fullmatch(r"[^\s/;:$]+", name):
            raise ModelError(f"XML cannot have the parameter {name!r}: spaces, '/', ';', ':', '$'")
        if not found.is_scalar:
            if name in by_hand:
                raise ModelError(f"XML cannot fix {name!r}: it has a parameter for each bin")
            continue
        entry: Parameter = {"name": name, "fixed": all(found.suggested_fixed)}
        if name == "lumi":
            centre = float(found.auxdata[0])
            # pyhf 0.7.6 writes the absolute width where XML has the relative one.
            entry |= {"auxdata": [centre], "sigmas": [float(found.width()[0]) / centre]}
        neutral = entry["auxdata"][0] if name == "lumi" else 0.0 if found.constrained else start
        if entry["fixed"] and start != neutral:
            raise ModelError(f"XML cannot fix {name!r} at {start:g}, only at {neutral:g}")
        if not found.constrained:
            entry |= {"inits": [start], "bounds": [list(found.suggested_bounds[0])]}
        yield entry


def _check_channel(channel: Channel) -> None:
    staterrors: dict[str, str] = {}
    for sample in channel["samples"]:
        place = f"channel {channel['name']!r}, sample {sample['name']!r}"
        seen = set()
        for modifier in sample["modifiers"]:
            name, kind = modifier["name"], modifier["type"]
            at = f"{place}: {kind} {name!r}"
            if (name, kind) in seen:
                raise ModelError(f"{at} is given twice")
            seen.add((name, kind))
            if name == "lumi" and kind != "lumi":
                raise ModelError(f"{at}: in XML, lumi is the luminosity")
            if modifier["type"] == "histosys":
                varied = modifier["data"]
                if min(*sample["data"], *varied["hi_data"], *varied["lo_data"]) < 0:
                    raise ModelError(f"{at}: negative yields, of which HistFactory makes zero")
            if modifier["type"] == "staterror":
                staterrors[name] = at
                for k, (error, content) in enumerate(
                    zip(modifier["data"], sample["data"], strict=True)
                ):
                    if error > 0 and content == 0:
                        raise ModelError(
                            f"{at}, bin {k + 1}: XML has errors relative to yields, here 0"
                        )
    if len(staterrors) > 1:
        raise ModelError(
            f"{' and '.join(staterrors.values())}: XML has one staterror for each channel"
        )


def _finished(text: str) -> bytes:
    """With what ROOT needs to read staterrors as pyhf does, and nothing in empty elements."""
    doctype, root = text.split("\n", 1)[0], ET.fromstring(text)
    if root.tag == "Channel":
        config = ET.Element("StatErrorConfig", RelErrorThreshold="0", ConstraintType="Gaussian")
        root.insert(len(root.findall("Data")), config)
    ET.indent(root)
    return f"{doctype}\n\n{ET.tostring(root, encoding='unicode')}\n".encode()
