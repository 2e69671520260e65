"""What is used of Snakemake beyond its interface is there, and does what it is used for."""

import gc

import snakemake.sourcecache
from snakemake.persistence.file import FilePersistence
from snakemake.sourcecache import LocalSourceFile

from hone.running.around_runs import plan_faster


def test_a_file_of_a_killed_job_is_incomplete(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    persistence = FilePersistence()
    assert not persistence._filter_incomplete_keys(["made.txt"])
    persistence._mark_incomplete("made.txt", None)
    assert set(persistence._filter_incomplete_keys(["made.txt"])) == {"made.txt"}


def test_addresses_of_scripts_are_parsed_once(monkeypatch):
    parse, parsed = snakemake.sourcecache.parse_uri, []

    def counted(uri):
        parsed.append(uri)
        return parse(uri)

    monkeypatch.setattr(snakemake.sourcecache, "parse_uri", counted)
    before = gc.get_threshold()
    try:
        plan_faster()
    finally:
        gc.set_threshold(*before)
    for _ in range(3):
        LocalSourceFile("scripts/a.py").get_cache_path()
    assert len(parsed) == 1
