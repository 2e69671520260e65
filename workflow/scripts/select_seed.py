"""Select the seed with the best validation objective, which is published."""

from pathlib import Path

from hone.running.files import read_csv, write_json
from hone.running.script import job

with job(snakemake) as provenance:
    objectives = {}
    for path in map(Path, snakemake.input.histories):
        values = [row["validation_objective"] for row in read_csv(path)]
        objectives[path.parent.name] = min(value for value in values if value is not None)
    best = min(objectives, key=lambda seed: objectives[seed])
    write_json(
        snakemake.output[0],
        {
            "seed": int(best.removeprefix("seed")),
            "validation_objective": objectives,
            "provenance": provenance,
        },
    )
