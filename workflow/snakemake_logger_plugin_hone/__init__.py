"""The name by which Snakemake finds a logger plugin: ``snakemake --logger hone``."""

from hone.running.terminal import LogHandler

__all__ = ["LogHandler"]
