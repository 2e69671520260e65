"""The name by which Snakemake finds a logger plugin: ``snakemake --logger hone``."""

from snakemake_logger_plugin_hone.terminal import LogHandler

__all__ = ["LogHandler"]
