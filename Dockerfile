# The workflow with the versions of the lock file.
#   docker build --tag hone .
#   docker run --rm --volume "$PWD:/analysis" hone --cores 2 --configfile mine.yaml
#   apptainer build hone.sif docker-daemon:hone:latest && apptainer run hone.sif --cores 2 --configfile mine.yaml
FROM docker.io/library/python:3.11-slim

WORKDIR /opt/hone
COPY envs/requirements.lock envs/
RUN python -m venv .venv
RUN .venv/bin/pip install --no-cache-dir --require-hashes -r envs/requirements.lock

COPY LICENSE README.md Snakefile pyproject.toml ./
COPY config config
COPY envs envs
COPY profiles/default profiles/default
COPY workflow workflow
RUN .venv/bin/pip install --no-deps --no-build-isolation --editable .
# The image may be read-only where it runs.
RUN .venv/bin/python -m compileall -q workflow

ENV PATH="/opt/hone/.venv/bin:$PATH"
WORKDIR /analysis
ENTRYPOINT ["snakemake", "--snakefile", "/opt/hone/Snakefile"]
