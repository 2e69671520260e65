# make         sets up .venv from the lock file and runs the analysis in CONFIG
# make test    the tests          make lint    the linters
#              HYPOTHESIS_PROFILE=nightly make test: more random models, twenty kills
#              JAX_COMPILATION_CACHE_DIR=FOLDER make test: programs are compiled once for all runs
# make test-slurm   a small analysis through SLURM on this machine (root, Debian's SLURM)
# make bench   speed against peers, 45 minutes; parts: bench-training, bench-streaming, bench-overhead
# make bench-size   fits of large models (LIKELIHOODS=<folder> of pyhf workspaces adds these,
#              ROOT_PYTHON=<python of an environment with ROOT 6.40> RooFit)
# make bench-gpu   on a machine with an NVIDIA card: JAX's plugin for CUDA, then trainings and fits against its CPU, in
#              ten minutes; DRY=--dry-run tries the tasks on a CPU
# make targets what the studies in results/ reached, against published numbers
# make lock    new versions       make docs    config/README.md and envs/ from their sources
# make site    the pages in docs/ as HTML: docs/_build/index.html
# make notebooks  those in docs/ once more, with the results of the default analysis
# make gallery the thumbnails of docs/gallery.md, from the figures of the default analysis in results/

PYTHON ?= python3
CONFIG ?= config/config.yaml
CORES ?= all
BIN := .venv/bin

# Byte code makes every job of a run start faster.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test test-slurm lint bench bench-training bench-streaming bench-overhead bench-size bench-gpu targets docs site notebooks gallery lock clean
run: .venv/.runtime
	@test -f "$(CONFIG)" || { echo "there is no config file $(CONFIG)" >&2; exit 1; }
	@$(BIN)/python workflow/check_config.py "$(CONFIG)"
	$(BIN)/snakemake --logger hone --cores $(CORES) --configfile "$(CONFIG)"
	@$(BIN)/python workflow/print_result.py "$(CONFIG)"

test: .venv/.dev .venv/clusters/.done
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

test-slurm: .venv/.dev .venv/clusters/.done
	$(BIN)/python tests/slurm/run.py

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow/Snakefile workflow/rules
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/snakemake --lint
	$(BIN)/mypy

bench: .venv/.dev .venv/relaxed/.done bench-training bench-streaming bench-overhead
	$(BIN)/python benchmarks/run.py .venv/relaxed/bin/python

bench-training: .venv/.dev .venv/relaxed/.done
	$(BIN)/python benchmarks/run_training.py .venv/relaxed/bin/python

bench-streaming: .venv/.dev
	$(BIN)/python benchmarks/run_streaming.py

bench-overhead: .venv/.dev
	$(BIN)/python benchmarks/run_overhead.py

bench-size: .venv/.dev
	$(BIN)/python benchmarks/run_size.py $(if $(LIKELIHOODS),--likelihoods $(LIKELIHOODS)) $(if $(ROOT_PYTHON),--root $(ROOT_PYTHON))

bench-gpu: .venv/.dev
	@! nvidia-smi > /dev/null 2>&1 || $(BIN)/python -c "import jax_cuda12_plugin" 2> /dev/null || $(PYTHON) -m pip --quiet \
		--python $(BIN)/python install "jax[cuda12]==$$($(BIN)/python -c 'import jax; print(jax.__version__)')"
	$(BIN)/python benchmarks/run_gpu.py $(DRY)

# relaxed needs the JAX and NumPy of its time.
.venv/relaxed/.done: benchmarks/relaxed.lock | .venv/bin/python
	$(PYTHON) -m venv --without-pip .venv/relaxed
	$(PYTHON) -m pip --quiet --python .venv/relaxed/bin/python install --require-hashes -r $<
	touch $@

# Without ensurepip, as on Debian without python3-venv: the pip outside installs into .venv.
.venv/bin/python:
	$(PYTHON) -m venv --without-pip .venv

.venv/.runtime: envs/requirements.lock | .venv/bin/python
	$(PYTHON) -m pip --quiet --python $(BIN)/python install --require-hashes -r envs/requirements.lock
	$(PYTHON) -m pip --quiet --python $(BIN)/python install --no-deps --no-build-isolation --editable .
	touch $@

.venv/.dev: envs/requirements-dev.lock | .venv/.runtime
	$(PYTHON) -m pip --quiet --python $(BIN)/python install --require-hashes -r envs/requirements-dev.lock
	touch $@

# Apart from the rest: every job of a local run would start later if Snakemake found them.
.venv/clusters/.done: envs/requirements-clusters.lock | .venv/.dev
	$(PYTHON) -m pip --quiet --python $(BIN)/python install --require-hashes --no-deps --upgrade \
		--target .venv/clusters -r envs/requirements-clusters.lock
	touch $@

targets: .venv/.runtime
	$(BIN)/python benchmarks/targets.py

gallery: .venv/.runtime
	$(BIN)/python docs/gallery.py

docs: .venv/.dev
	$(BIN)/python workflow/document.py

# A link that leads nowhere, in the repository or within a page, is an error; nothing is looked up outside.
site: .venv/site/.done
	OPENBLAS_NUM_THREADS=1 PYTHONPATH="$(CURDIR)/.venv/site" $(BIN)/python -m sphinx --quiet --nitpicky \
		--fail-on-warning --keep-going --jobs auto -c docs . docs/_build

notebooks: .venv/site/.done
	OPENBLAS_NUM_THREADS=1 PYTHONPATH="$(CURDIR)/.venv/site" $(BIN)/python .venv/site/bin/jupyter-execute \
		--inplace docs/autodiff.ipynb docs/opened_result.ipynb

# Apart from the rest, which nothing of it may change.
.venv/site/.done: envs/requirements-site.lock | .venv/.runtime
	$(PYTHON) -m pip --quiet --python $(BIN)/python install --require-hashes --no-deps --upgrade \
		--target .venv/site -r $<
	touch $@

# The same versions for every Python from 3.11 on; no index is named, so that any can serve.
UV = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	--fork-strategy fewest --generate-hashes --no-emit-index-url --no-header
lock: .venv/.dev
	$(UV) pyproject.toml --upgrade --extra workflow --group dev --output-file envs/requirements-dev.lock
	$(UV) pyproject.toml --upgrade --extra workflow --group build \
		--constraint envs/requirements-dev.lock --output-file envs/requirements.lock
	$(UV) --upgrade --group site \
		--constraint envs/requirements-dev.lock --output-file envs/requirements-site.lock
	$(UV) --upgrade --no-deps --group clusters --output-file envs/requirements-clusters.lock
	$(BIN)/uv pip compile benchmarks/relaxed.in --quiet --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --output-file benchmarks/relaxed.lock
	$(BIN)/python workflow/document.py

clean:
	rm -rf .venv .snakemake build docs/_build docs/jupyter_execute workflow/hone.egg-info
