"""Record the configuration with all defaults."""

import yaml

from hone.running.files import write_text
from hone.running.script import job

with job(snakemake):
    write_text(snakemake.output[0], yaml.safe_dump(snakemake.params.config, sort_keys=False))
