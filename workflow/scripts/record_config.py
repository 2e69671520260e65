"""Write down the configuration with all defaults filled in."""

import yaml

from hone.running.files import replacing
from hone.running.script import job

with job(snakemake), replacing(snakemake.output[0]) as partial:
    partial.write_text(yaml.safe_dump(snakemake.params.config, sort_keys=False))
