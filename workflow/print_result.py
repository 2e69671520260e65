"""Print the result of the analysis in a config file, and its table: make does so in the end."""

import sys
from pathlib import Path

from snakemake.common.configfile import load_configfile

from hone.running.result_text import result_text

if __name__ == "__main__":
    folder = Path("results", load_configfile(sys.argv[1])["analysis"])
    print(result_text(folder), end="")
