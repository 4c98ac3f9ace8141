# Everything a newcomer needs. `make demo` and `make test` set up what they use.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help setup demo check test test-shared test-reliability audit format clean
.DEFAULT_GOAL := help

help:  ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-17s %s\n", $$1, $$2}' Makefile

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "artstyle_tf needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.ready: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.ready-to-test: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,check]'
	@# An oracle for the triplet losses: end of life, so without its dependencies, and its tests are
	@# skipped where it cannot be installed.
	-@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
		tensorflow-addons==0.23.0 typeguard==2.13.3
	@touch $@

setup: $(VENV)/.ready-to-test  ## Create .venv with everything, also for tests and checks

demo: $(VENV)/.ready  ## Draw the demo pictures, train on them, show the results
	$(BIN)/python scripts/train_direct.py --demo --run-name demo --overwrite

check: $(VENV)/.ready-to-test  ## Lint, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

test: $(VENV)/.ready-to-test  ## Run the tests (no network, no GPU)
	$(BIN)/python -m pytest -m "not shared and not reliability"

test-shared: $(VENV)/.ready-to-test  ## Run the tests on the real pictures, where they are at hand
	$(BIN)/python -m pytest -m shared

test-reliability: $(VENV)/.ready-to-test  ## Kill, flood, fill and starve the programs (about half an hour)
	$(BIN)/python -m pytest -m reliability -n 1 -rA tests/reliability

audit: $(VENV)/.ready  ## Ask a public list whether the pinned packages have known holes (network)
	$(PYTHON) -m venv $(VENV)/audit
	$(VENV)/audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit
	$(VENV)/audit/bin/pip-audit --strict --requirement constraints.txt --no-deps --disable-pip

format: $(VENV)/.ready-to-test  ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## Remove the environment and caches; pictures and outputs stay
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
