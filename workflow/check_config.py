"""Say where a config file is not YAML: make does so first, because Snakemake does not name it."""

import sys

from hone.analysis.duplicates import refuse_duplicates
from hone.errors import ConfigError

if __name__ == "__main__":
    try:
        refuse_duplicates(sys.argv[1])
    except ConfigError as error:
        sys.exit(str(error))
