"""Times of jobs by rule, from Snakemake's benchmark files."""

import os

import pytest

from hone.errors import InputError
from hone.running.run_times import as_text, run_times

HEAD = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


def benchmark(folder, name, seconds):
    path = folder / f"{name}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{HEAD}{seconds}\t0:00:01\t-\t-\t-\t-\t-\t-\t-\t-\n")
    return path


def test_jobs_are_added_up_by_rule(tmp_path):
    benchmark(tmp_path, "train/s__neos__seed1", 10.25)
    benchmark(tmp_path, "train/s__neos__seed2", 20)
    old = benchmark(tmp_path, "compare", 3)
    os.utime(old, (1000, 1000))
    found = run_times(tmp_path)
    assert [tuple(time) for time in found] == [("train", 2, 30.25, 20.0), ("compare", 1, 3.0, 3.0)]
    assert [time.rule for time in run_times(tmp_path, since=2000)] == ["train"]
    lines = as_text(found).splitlines()
    assert len({len(line) for line in lines[:-1]}) == 1
    assert lines[-1].split() == ["total", "3", "33.2"]
    assert run_times(tmp_path / "nowhere") == []


def test_what_is_no_benchmark_is_named(tmp_path):
    path = tmp_path / "x.tsv"
    for text in ("", "a\tb\n1\t2\n", "s\nmany\n"):
        path.write_text(text)
        with pytest.raises(InputError, match=r"x\.tsv"):
            run_times(tmp_path)
