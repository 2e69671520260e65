"""Make ``import hone`` work in the environment that runs this script, from anywhere."""

import sysconfig
from pathlib import Path

library = Path(__file__).resolve().parent
Path(sysconfig.get_path("purelib"), "hone.pth").write_text(f"{library}\n")
