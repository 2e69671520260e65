"""Print the result of the analysis in a config file, and its table: make does so in the end."""

import sys
from pathlib import Path

from snakemake.common.configfile import load_configfile

if __name__ == "__main__":
    folder = Path("results", load_configfile(sys.argv[1])["analysis"])
    for name in ("headline.txt", "summary.txt"):
        print((folder / name).read_text(), end="")
