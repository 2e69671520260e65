"""Snakemake's report of an analysis, made by a job.

A job starts Snakemake for it: ``--report-after-run`` makes a report only where it is asked for on
the command line, from the first page of the run before, and not again when a caption changes.
"""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from hone.errors import HoneError
from hone.running.provenance import digest

__all__ = ["report_options", "texts_digest", "written_report"]


def report_options(workflow: Any, folder: str | Path) -> list[str]:
    """Options that name the config of this run.

    Args:
        workflow: Snakemake's object.
        folder: of the analysis, ``results/<analysis>``.
    """
    if workflow.modifier.is_main_snakefile():
        return ["--configfile", f"{folder}/config.yaml"]
    # That of a module is named by the Snakefile that uses it.
    return ["--config", *(workflow.config_settings.config_args or [])]


def texts_digest(library: Path) -> str:
    """Digest of captions, style and templates: no code, but what is written depends on them.

    Args:
        library: folder of the workflow; the address of a repository, with its commit, stands for
            what is there.
    """
    texts = [*library.glob("report/*.[rc]s[ts]"), *library.glob("hone/reporting/page/page.*")]
    found = {str(path.relative_to(library)): path.read_text() for path in sorted(texts)}
    return digest(found if library.is_dir() else str(library))


@contextmanager
def written_report(
    path: str, snakefile: str, options: Sequence[str], stylesheet: str, log: str | Path
) -> Iterator[None]:
    """Write the report of what the rule ``results`` asks for, beside what is done within.

    Args:
        path: of the report.
        snakefile: of the run.
        options: of the run, see :func:`report_options`.
        stylesheet: CSS file.
        log: file that the messages are added to.

    Raises:
        HoneError: Snakemake could not write it.
    """
    command = [
        *(sys.executable, "-m", "snakemake", "--nolock", "--snakefile", snakefile, *options),
        *("--report", path, "--report-stylesheet", stylesheet, "--", "results"),
    ]
    with (
        TemporaryFile("w+") as said,
        subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT) as process,
    ):
        try:
            yield
        except BaseException:
            process.kill()
            raise
        failed = process.wait()
        said.seek(0)
        text = said.read()
    with Path(log).open("a") as file:
        file.write(text)
    if failed:
        last = (text.strip().splitlines() or ["no message"])[-1]
        raise HoneError(f"Snakemake could not write the report ({last}); see {log}")
