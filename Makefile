# Everything a newcomer needs. `make demo` and `make test` set up what they use.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := -m pip install --quiet --disable-pip-version-check

# HASHES=1 installs only files whose SHA-256 dependencies/ lists. An environment is of one kind, since
# pip does not look again at what is there; one that was made with hashes goes on with them.
HASHED := $(VENV)/.made-with-hashes
HASHES ?= $(if $(wildcard $(HASHED)),1)
ifneq ($(filter-out 1,$(HASHES)),)
$(error HASHES is 1 or left out, not $(HASHES))
endif

# NOTEBOOKS=no builds the documentation without executing the notebooks that it shows.
NOTEBOOKS ?= execute
# Material for MkDocs prints a notice about the next version of MkDocs, which it does not use.
MKDOCS = NO_MKDOCS_2_WARNING=1 NOTEBOOKS=$(NOTEBOOKS) $(BIN)/mkdocs

.PHONY: help setup demo check test test-shared test-reliability docs docs-serve build audit hashes \
	format clean of-one-kind
.DEFAULT_GOAL := help

help:  ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-17s %s\n", $$1, $$2}' Makefile
	@echo '  HASHES=1 with any of them installs only files whose hash is listed in dependencies/'

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "artstyle_tf needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	@$(if $(filter 1,$(HASHES)),touch $(HASHED))

of-one-kind: | $(BIN)/python
	@test "$(HASHES)" != 1 || test -e $(HASHED) || \
		{ echo "$(VENV) was made without hashes, and pip does not check what is installed already:" \
		"'make clean' first, then HASHES=1"; exit 2; }

# pip and what builds the package itself are pinned in either case.
$(VENV)/.ready: pyproject.toml constraints.txt dependencies/build.txt dependencies/run.txt | of-one-kind
	$(BIN)/python $(INSTALL) --require-hashes --only-binary :all: -r dependencies/build.txt
ifeq ($(HASHES),1)
	$(BIN)/python $(INSTALL) --require-hashes --only-binary :all: -r dependencies/run.txt
	$(BIN)/python $(INSTALL) --no-deps --no-build-isolation -e .
else
	@rm -f $(HASHED)
	$(BIN)/python $(INSTALL) --no-build-isolation -c constraints.txt -e .
endif
	@touch $@

$(VENV)/.ready-to-test: $(VENV)/.ready dependencies/develop.txt dependencies/oracle.txt
ifeq ($(HASHES),1)
	$(BIN)/python $(INSTALL) --require-hashes --only-binary :all: -r dependencies/develop.txt
	$(BIN)/python -m pip check
else
	$(BIN)/python $(INSTALL) --no-build-isolation -c constraints.txt -e '.[test,check]'
endif
	@# An oracle for the triplet losses, whose tests are skipped where it cannot be installed.
	-@$(BIN)/python $(INSTALL) --require-hashes --only-binary :all: --no-deps \
		-r dependencies/oracle.txt
	@touch $@

# In the project's environment: pages are made from the code, and notebooks are executed.
$(VENV)/.ready-for-docs: $(VENV)/.ready dependencies/docs.txt
	$(BIN)/python $(INSTALL) --require-hashes --only-binary :all: -r dependencies/docs.txt
	@touch $@

$(VENV)/tools/.ready: dependencies/tools.txt
	$(PYTHON) -m venv $(VENV)/tools
	$(VENV)/tools/bin/python $(INSTALL) --require-hashes --only-binary :all: -r dependencies/tools.txt
	@touch $@

setup: $(VENV)/.ready-to-test  ## Create .venv with everything, also for tests and checks

demo: $(VENV)/.ready  ## Write the demo images, train on them, print the results
	$(BIN)/python scripts/train_direct.py --demo --run-name demo --overwrite

check: $(VENV)/.ready-to-test  ## Lint, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

test: $(VENV)/.ready-to-test  ## Run the tests (no network, no GPU)
	$(BIN)/python -m pytest -m "not shared and not reliability"

test-shared: $(VENV)/.ready-to-test  ## Run the tests that need the real images
	$(BIN)/python -m pytest -m shared

test-reliability: $(VENV)/.ready-to-test  ## Test kills, full disks, hostile files, shortages, long lists of variants and the notebooks
	$(BIN)/python -m pytest -m reliability -n 1 -rA

docs: $(VENV)/.ready-for-docs  ## Build the documentation in site/; NOTEBOOKS=no does not execute them
	$(MKDOCS) build --strict

docs-serve: $(VENV)/.ready-for-docs  ## Serve the documentation on http://localhost:8000
	$(MKDOCS) serve --dev-addr localhost:8000

build: $(VENV)/.ready  ## Build wheel and sdist in dist/
	$(BIN)/python -m build --no-isolation

ifdef AUDIT_DB
audit: $(VENV)/.ready
	@$(BIN)/python dependencies/offline_audit.py '$(AUDIT_DB)' constraints.txt
else
audit: $(VENV)/tools/.ready  ## Check the pinned versions for known vulnerabilities (network, or AUDIT_DB=FILE)
	$(VENV)/tools/bin/pip-audit --strict --requirement constraints.txt --no-deps --disable-pip
endif

hashes: $(VENV)/tools/.ready  ## Update dependencies/*.txt after a change of constraints.txt (network)
	$(VENV)/tools/bin/python dependencies/write_hashes.py

format: $(VENV)/.ready-to-test  ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## Remove the environment and caches; images and outputs stay
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist *.egg-info \
		site .notebook_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
