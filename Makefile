# The commands of this repository.  All of them work from a fresh clone with Python 3.11+ and PyPI.
#
#   make demo    train, save and reload a digit classifier (installs what that needs into .venv)
#   make test    lint, type check, tests and doctests, on every engine
#   make bench   Hornbeam beside Keras 3, as a table of ratios
#   make test-resume   kill a run at every step on every engine, and 50 times within a save
#   make memory  200 fits and 10,000 predictions on every engine: does memory stay flat?
#   make isolated  the public surface with JAX alone, and with PyTorch alone (part of `make test`)
#   make support   write docs/support.md, the table of what each engine does, from the tests
#   make fuzz    damage files and kill saves for a long time
#   make lint    the first half of `make test`
#   make format  let ruff fix and format what it can
#   make lines   code lines per package and per backend
#   make clean   remove .venv and everything that was generated
#
# PYTHON=python3.12 chooses the interpreter, ARGS="-k digits" goes to pytest or to the benchmarks,
# JOBS=4 runs the tests in so many processes, each with all engines.
# On Linux without a GPU, point PIP_EXTRA_INDEX_URL at PyTorch's index of CPU builds to save 2 GB.

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
QUIETLY := python -m pip install --quiet --quiet --disable-pip-version-check --no-input
PIP := $(BIN)/$(QUIETLY)
ARGS ?=
JOBS ?= 2

.PHONY: demo test test-resume memory bench lint format lines clean
.DELETE_ON_ERROR:

demo: $(VENV)/.demo
	$(BIN)/python examples/demo.py $(ARGS)

test: lint isolated
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal --doctest-modules tests hornbeam $(ARGS)

isolated: $(VENV)/.dev .venv-jax/.made .venv-torch/.made
	.venv-jax/bin/python -m tests.isolated jax --without torch tensorflow pytensor keras
	.venv-torch/bin/python -m tests.isolated torch --without jax tensorflow pytensor keras

support: $(VENV)/.dev
	$(BIN)/python tools/support.py

memory: $(VENV)/.dev
	HORNBEAM_TEST_MEMORY=1 $(BIN)/python -m pytest -s -o faulthandler_timeout=0 tests/training/test_memory.py $(ARGS)

test-resume: $(VENV)/.dev
	HORNBEAM_TEST_EVERY_STEP=1 $(BIN)/python -m pytest tests/training/test_resume.py $(ARGS)

fuzz: $(VENV)/.dev
	HORNBEAM_KILLS=1000 HORNBEAM_MUTATIONS=20000 HORNBEAM_FLIP_BITS=8 \
		HORNBEAM_FUZZ_SEED=$$(date +%s) $(BIN)/python -m pytest -o faulthandler_timeout=0 tests/saving/test_integrity.py $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks $(ARGS)

lines:
	@$(PYTHON) tools/lines.py

clean:
	rm -rf $(VENV) .venv-jax .venv-torch build dist demo-output .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ---- installation: one stamp file per set of extras, renewed when pyproject.toml changes

$(VENV)/.created:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; none was found on the PATH." >&2; exit 1; }
	@echo "Creating $(VENV) with $(PYTHON) ..."
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "Could not create $(VENV); on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@touch $@

$(VENV)/.demo: $(VENV)/.created pyproject.toml
	@echo "Installing Hornbeam and what the demo needs into $(VENV) ..."
	@$(PIP) --editable '.[sklearn,plot]'
	@touch $@

$(VENV)/.dev: $(VENV)/.created pyproject.toml
	@echo "Installing Hornbeam, all engines, the tools and Keras (for comparison) into $(VENV) ..."
	@$(PIP) --editable '.[dev]'
	@touch $(VENV)/.demo $@

# ---- the environments of `make isolated`; JAX is a dependency of the package, so without it there are none

.venv-jax/.made: $(VENV)/.created pyproject.toml
	@echo "Installing Hornbeam with JAX alone into .venv-jax ..."
	@$(PYTHON) -m venv .venv-jax
	@.venv-jax/bin/$(QUIETLY) --editable .
	@touch $@

.venv-torch/.made: $(VENV)/.created pyproject.toml
	@echo "Installing Hornbeam with PyTorch alone into .venv-torch ..."
	@$(PYTHON) -m venv .venv-torch
	@.venv-torch/bin/$(QUIETLY) --no-deps --editable .
	@.venv-torch/bin/$(QUIETLY) h5py lazy_loader ml_dtypes numpy optree packaging rich safetensors scipy torch==2.13.0
	@touch $@
