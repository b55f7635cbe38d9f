# `make` alone lists the targets. Everything runs in a .venv of this checkout.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP_FLAGS := --disable-pip-version-check --progress-bar off
# One line for each download of size, instead of pip's thousand.
BRIEFLY := sed -unE 's/^ *(Downloading) ([^ ]+)-py[23c].* \((([0-9.]+) MB)\)/  \1 \2, \3/p; \
  s/^Installing collected packages.*/  Unpacking everything/p'

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.PHONY: setup
setup: $(READY) ## Make .venv with everything installed

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else \
	  f"bookgraph needs Python 3.11 or newer, and {sys.executable} is {v[0]}.{v[1]}. Name another one: make PYTHON=python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "Python cannot make a virtual environment here (on Debian: apt install python3-venv)."; exit 1; }
	@echo "Installing into $(VENV): some 130 packages, 3 GB with torch; minutes the first time."
	@$(BIN)/python -m pip install $(PIP_FLAGS) -e '.[dev]' 2> $(VENV)/pip.log | $(BRIEFLY) || \
	  { cat $(VENV)/pip.log; echo "The installation failed; what pip says stands above. Run make again to go on."; exit 1; }
	@$(BIN)/python -c 'import bookgraph.api, bookgraph.embed, bookgraph.graph, bookgraph.ingest'
	@touch $@
	@echo "Installed."

.PHONY: demo
demo: setup ## Load the sample, train, answer a question, serve the result
	@$(BIN)/bookgraph demo

.PHONY: stop
stop: setup ## Stop what the demo left running
	@$(BIN)/bookgraph serve --stop
	@$(BIN)/bookgraph neo4j stop

.PHONY: test
test: setup lint ## Run every check and every test
	$(BIN)/python -m pytest

.PHONY: unit
unit: setup ## Run the tests that need no server
	$(BIN)/python -m pytest tests/unit

.PHONY: bench
bench: setup ## Measure the trainer beside its peers (some 25 minutes; BENCH="--small" for a quick look)
	$(BIN)/bookgraph bench embed $(BENCH)

.PHONY: lint
lint: setup ## Check format, style, types and imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	# Checks too that every Cypher statement consists of constants, which mypy does not.
	$(BIN)/basedpyright bookgraph/graph
	$(BIN)/lint-imports --no-cache

.PHONY: format
format: setup ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: docs
docs: setup ## Generate the reference pages in docs/ from the code
	$(BIN)/python -m bookgraph.tools.docs

.PHONY: lock
lock: setup ## Make graph/jars/jars.lock anew (needs mvn)
	$(BIN)/python -m bookgraph.tools.lock_jars

.PHONY: clean
clean: ## Remove .venv and caches; data and models stay
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info
