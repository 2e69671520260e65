"""Snakemake and the file system: set-up of scripts, records of jobs, files."""
