"""Archives have equal bytes, hold what their manifest says, and have no way out."""

import json
import re
import tarfile
import zipfile

import pyhf
import pytest
from click.testing import CliRunner
from pyhf.cli import cli
from test_covariance import workspace

from hone.errors import InputError
from hone.likelihood.hs3 import from_hs3
from hone.reporting.publication.archive import (
    MANIFEST,
    check_archive,
    make_manifest,
    write_tar,
    write_zip,
)
from hone.reporting.publication.likelihoods import likelihood_files
from hone.running.files import write_json
from hone.statmodel.patchset import make_patchset


def test_archives_have_equal_bytes_whatever_the_files_times(tmp_path):
    (tmp_path / "a").write_bytes(b"content")
    content = {"folder/b": b"more", "a": tmp_path / "a"}
    for write, name in ((write_zip, "x.zip"), (write_tar, "x.tar.gz")):
        write(tmp_path / name, content)
        first = (tmp_path / name).read_bytes()
        (tmp_path / "a").touch()
        write(tmp_path / f"again-{name}", dict(reversed(content.items())))
        assert (tmp_path / f"again-{name}").read_bytes() == first
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        assert archive.namelist() == ["a", "folder/b"]
        assert archive.read("a") == b"content"
    with tarfile.open(tmp_path / "x.tar.gz") as archive:
        assert archive.getnames() == ["a", "folder/b"]
        assert archive.extractfile("folder/b").read() == b"more"


def test_a_manifest_finds_what_is_missing_more_or_different(tmp_path):
    content = {"a": b"1", "b": b"2"}
    manifest = json.dumps(make_manifest(content, note=1)).encode()
    path = tmp_path / "x.zip"
    write_zip(path, {**content, MANIFEST: manifest})
    assert check_archive(path)["note"] == 1
    for broken, named in (
        ({"a": b"1"}, "b"),
        ({**content, "c": b""}, "c"),
        ({**content, "a": b"9"}, "a"),
    ):
        write_zip(path, {**broken, MANIFEST: manifest})
        with pytest.raises(InputError, match=f"says: {named}$"):
            check_archive(path)
    write_zip(path, content)
    with pytest.raises(InputError, match="not an archive with a manifest"):
        check_archive(path)


@pytest.mark.parametrize("name", ["/a", "../a", "a//b", "a\\b"])
def test_an_archive_has_no_way_out(name, tmp_path):
    with pytest.raises(InputError, match="not a path within"):
        write_zip(tmp_path / "x.zip", {name: b""})
    with pytest.raises(InputError, match="only in case"):
        write_zip(tmp_path / "x.zip", {"a": b"", "A": b""})


def test_likelihoods_have_the_digests_of_pyhf(tmp_path, monkeypatch):
    specs = {"zp-5": workspace(), "zp-7": workspace()}
    specs["zp-7"]["channels"][0]["samples"][0]["modifiers"][1]["data"] = [0.0, 0.0]
    for name, spec in specs.items():
        for channel in spec["channels"]:
            channel["samples"][0]["name"] = name
        write_json(tmp_path / f"{name}.json", spec)
    background, patchset = make_patchset(specs, {n: {"mass": int(n[-1])} for n in specs}, "test")
    write_json(tmp_path / "background_only.json", background)
    write_json(tmp_path / "patchset.json", patchset)
    content = likelihood_files(
        "mine",
        {(name, "neos"): tmp_path / f"{name}.json" for name in specs},
        {"neos": (tmp_path / "background_only.json", tmp_path / "patchset.json")},
        None,
    )
    write_tar(tmp_path / "x.tar.gz", content)
    with tarfile.open(tmp_path / "x.tar.gz") as archive:
        archive.extractall(tmp_path / "x", filter="data")
    folder = tmp_path / "x"
    digests = json.loads((folder / "digests.json").read_text())["sha256"]
    assert set(digests) == {
        "neos/background_only.json", "neos/patchset.json",
        "neos/zp-5/workspace.json", "neos/zp-7/workspace.json",
    }  # fmt: skip
    readme = " ".join((folder / "README.md").read_text().split())
    assert "the analysis is blind" in readme
    # An error of no events, which neither a datacard nor XML can hold.
    reason = "channel 'control', sample 'zp-5'"
    assert f"- neos/zp-5/combine: {reason} has uncertainties, but no events" in readme
    assert f"- neos/zp-5/xml: {reason}: staterror 'stat_control', bin 1" in readme
    assert not (folder / "neos/zp-5/xml").exists()
    assert "neos/zp-7/xml:" not in readme
    for name in ("combine/datacard.txt", "combine/shapes.root", "xml/FitConfig.xml"):
        assert (folder / "neos/zp-7" / name).exists()
    run = CliRunner()
    for name, spec in specs.items():
        path = f"neos/{name}/workspace.json"
        assert digests[path] == pyhf.utils.digest(spec)
        shown = run.invoke(cli, ["digest", str(folder / path)])
        assert digests[path] in shown.output
        assert f"| `{path}` | `{digests[path]}` |" in readme
        hs3 = json.loads((folder / f"neos/{name}/hs3.json").read_text())
        assert from_hs3(hs3)["channels"] == spec["channels"]
    monkeypatch.chdir(folder)
    examples = re.findall(r"^\$ pyhf (.*)$", (folder / "README.md").read_text(), re.MULTILINE)
    shown = [run.invoke(cli, example.split()) for example in examples]
    assert [result.exit_code for result in shown] == [0] * 4
    assert json.loads(shown[-1].output) == specs["zp-5"]
