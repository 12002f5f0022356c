# Every target makes what it needs: a virtual environment in .venv, with the locked dependencies.
# `make run` and `make test` work from a fresh clone with nothing but Python 3.11 or later and make.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
DATA ?= data
CONFIG ?= mongooseim.toml
# Two processes: the tests take half the time on two cores, and no more than that is asked of a machine.
PYTEST := $(BIN)/python -m pytest -n 2

.DEFAULT_GOAL := help
.PHONY: help run test check bench profile lint types docs docs-serve format lock browser clean

help: ## Say what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "mim needs Python 3.11 or later; $(PYTHON) is `$(PYTHON) --version`. Try: make PYTHON=python3.13 run"; exit 1; }
	@echo "making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: $(VENV)/bin/python pyproject.toml requirements/run.txt
	@echo "installing mim and what it needs (locked in requirements/run.txt)"
	@$(PIP) install --require-hashes -r requirements/run.txt
	@$(PIP) install --no-deps --editable .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp requirements/dev.txt
	@echo "installing what the tests, checks and documents need (locked in requirements/dev.txt)"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

run: $(VENV)/run.stamp ## Run the server in the foreground (CONFIG=file DATA=folder)
	@mkdir -p $(DATA)
	@exec $(BIN)/mim run --config $(CONFIG) --data-dir $(DATA)

test: $(VENV)/dev.stamp browser ## Run all tests (ARGS="-k name")
	$(PYTEST) $(ARGS)

check: lint types docs test ## Everything that must be good before a commit is

lint: $(VENV)/dev.stamp ## Check style, and the Dockerfile
	$(BIN)/ruff check .
	$(BIN)/hadolint Dockerfile

types: $(VENV)/dev.stamp ## Check types
	$(BIN)/mypy

format: $(VENV)/dev.stamp ## Mend what the style check can mend
	$(BIN)/ruff check --fix .

docs: $(VENV)/dev.stamp ## Build the documents into site/ and check their links
	$(BIN)/mkdocs build --strict --quiet

docs-serve: $(VENV)/dev.stamp ## Show the documents while they are written
	$(BIN)/mkdocs serve

bench: $(VENV)/dev.stamp ## Measure mim beside the ejabberd and Prosody that are installed (ARGS="--quick")
	$(BIN)/python -m bench $(ARGS)

profile: $(VENV)/dev.stamp ## Show where the CPU goes under one operation (ARGS="chat", "rest-users --plain 5" ...)
	$(BIN)/python -m bench.profile $(or $(ARGS),chat)

lock: $(VENV)/bin/python ## Lock the newest allowed versions of all dependencies
	@$(PIP) install uv
	$(BIN)/uv pip compile pyproject.toml $(LOCK) -o requirements/run.txt
	$(BIN)/uv pip compile pyproject.toml --group dev $(LOCK) -c requirements/run.txt -o requirements/dev.txt

LOCK := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet --upgrade

browser: # The browser tests use a Chromium of the system; where it can be installed without asking, it is
	@tools/get-chromium

clean: ## Remove what was made, but not data/
	rm -rf $(VENV) build dist site *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
