"""Results of an analysis that was not run, for its report."""

from pathlib import Path

import yaml

from hone.analysis import checked_config
from hone.analysis.fair_baseline import fair_baseline
from hone.analysis.settings import plain
from hone.results.folder import Folder
from hone.results.gains import compared, flatten
from hone.running.files import write_csv, write_json

__all__ = ["CONFIG", "limits", "results", "surveyed"]

CONFIG = yaml.safe_load((Path(__file__).parents[2] / "config" / "config.yaml").read_text())


def limits(limit, observed=0.15, notes=(), error=0.004):
    return {
        "observed_limit": observed,
        "expected_limits": [limit and limit * f for f in (0.5, 0.7, 1.0, 1.5, 2.0)],
        "expected_cls": [1e-9, 1e-8, 1e-7, 1e-6, 1e-5], "expected_p0": 0.01, "sigma_mu": 0.25,
        "level": 0.05, "poi": "mu", "reasons": {} if limit else {"observed limit": "too large"},
        "without_staterror": {"expected_limit_error": error},
        "pyhf_check": {
            "expected_limits": [0.05] * 5, "max_difference": 1e-8, "agrees": not notes,
            "notes": list(notes),
        },
    }  # fmt: skip


def results(path, config, found, floor=0.2):
    """A folder with limits by signal and observable, each of one seed."""
    analysis = checked_config(config)
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.yaml").write_text(yaml.safe_dump(plain(analysis)))
    rows = []
    for (signal, observable), of_seed in found.items():
        place = path / signal / observable
        write_json(place / "seed1" / "limits.json", of_seed)
        write_json(place / "selected.json", {"seed": 1})
        rows.append({"signal": signal, "observable": observable, "seed": 1, **flatten(of_seed)})
        if floor:
            write_json(path / signal / "floor.json", {"expected_limit": floor})
    write_csv(path / "comparison.csv", rows)
    write_csv(path / "table.csv", compared(rows, analysis.baseline, fair_baseline(analysis)))
    return path


def surveyed(path, sentinels=(), events=10**6):
    """What is known of the events of every template."""
    for template in Folder(path).analysis.templates_of("signal"):
        survey = {
            "sample": template.sample, "sentinels": dict(sentinels), "far_out": {}, "split": True,
            "files": [], "scored": {"training": {"signal_region": events}}, "regions": {},
            "sample_factor": False,
        }  # fmt: skip
        write_json(path / f"inputs/{template.name}.json", survey)
