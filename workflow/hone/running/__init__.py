"""What touches the file system and Snakemake: scripts' surroundings, records, files."""
