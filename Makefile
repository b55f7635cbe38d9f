# `make` alone lists the targets. Everything runs in a .venv of this checkout.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c

PYTHON ?= python3
# Install torch from this package index instead of PyPI, such as PyTorch's own index of CPU builds.
TORCH_INDEX ?=
VENV := .venv
BIN := $(VENV)/bin
# What `make demo` needs, and what the tests and checks need beside it.
RUNTIME := $(VENV)/.runtime-ready
DEV := $(VENV)/.dev-ready
LOCKS := requirements
UV_COMPILE := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
  --generate-hashes --no-emit-index-url --no-header

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.PHONY: setup
setup: $(DEV) ## Install everything into .venv

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else \
	  f"bookgraph needs Python 3.11 or later, but {sys.executable} is {v[0]}.{v[1]}. Choose another one: make PYTHON=python3.12")'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "Python cannot create a virtual environment (on Debian: apt install python3-venv)."; exit 1; }

$(RUNTIME): pyproject.toml $(LOCKS)/runtime.txt | $(VENV)/bin/python
	@echo "Installing bookgraph into $(VENV). The first time this downloads up to 3 GB, most of it torch."
	@$(LOCKS)/install $(VENV) $(LOCKS)/runtime.txt "$(TORCH_INDEX)"
	@touch $@
	@echo "Installed."

$(DEV): $(LOCKS)/dev.txt $(RUNTIME)
	@echo "Installing the development tools into $(VENV)."
	@$(LOCKS)/install $(VENV) $(LOCKS)/dev.txt "$(TORCH_INDEX)"
	@touch $@
	@echo "Installed."

.PHONY: demo
demo: $(RUNTIME) ## Load the sample, train, find similar books, and serve the result
	@$(BIN)/bookgraph demo

.PHONY: stop
stop: $(RUNTIME) ## Stop the servers that the demo started
	@$(BIN)/bookgraph serve --stop
	@$(BIN)/bookgraph neo4j stop

.PHONY: test
test: lint ## Run every check and every test
	$(BIN)/python -m pytest

.PHONY: test-faults
test-faults: $(DEV) ## Disturb every command in 200 ways (half an hour; FAULTS="--only 132" for one)
	$(BIN)/python -m bookgraph.testing.faults --jobs 2 $(FAULTS)

.PHONY: unit
unit: $(DEV) ## Run the quick tests, which need no server
	$(BIN)/python -m pytest tests/unit -m "not slow" -n 2

.PHONY: bench
bench: $(DEV) ## Compare the trainer with other libraries (25 minutes; BENCH="--small" for 3)
	$(BIN)/bookgraph bench embed $(BENCH)

.PHONY: lint
lint: $(DEV) ## Check format, style, types and imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	# Checks too that every Cypher statement consists of constants, which mypy does not.
	$(BIN)/basedpyright --pythonpath $(BIN)/python bookgraph/graph
	$(BIN)/lint-imports --no-cache
	@$(MAKE) --no-print-directory lint-js

.PHONY: lint-js
lint-js: ## Check the types of the explorer's JavaScript (needs Node.js)
	@if ! command -v node > /dev/null || ! command -v npm > /dev/null; then \
	  echo "Skipped the check of the JavaScript: Node.js and npm are not installed."; \
	elif ! test node_modules/.package-lock.json -nt package-lock.json && \
	  ! log=$$(npm ci --no-audit --no-fund --fetch-retries=1 --fetch-timeout=20000 2>&1); then \
	  echo "Skipped the check of the JavaScript: npm cannot install TypeScript."; \
	  echo "$$log" | grep -m 3 "npm error"; true; \
	else \
	  node_modules/.bin/tsc && echo "tsc: no problems found in the JavaScript"; \
	fi

.PHONY: format
format: $(DEV) ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: docs
docs: $(DEV) ## Generate the reference pages in docs/ from the code
	$(BIN)/python -m bookgraph.tools.docs

.PHONY: lock-python
lock-python: $(DEV) ## Update the locks of the Python packages (UPGRADE="--upgrade" for new versions)
	$(UV_COMPILE) $(UPGRADE) -o $(LOCKS)/runtime.txt
	$(UV_COMPILE) $(UPGRADE) -o $(LOCKS)/dev.txt --extra dev -c $(LOCKS)/runtime.txt

.PHONY: lock
lock: $(DEV) ## Update graph/jars/jars.lock (needs mvn)
	$(BIN)/python -m bookgraph.tools.lock_jars

.PHONY: audit
audit: $(DEV) ## Look for known faults: bandit on the code, pip-audit on the locked packages
	$(BIN)/bandit -q -c pyproject.toml -r bookgraph/cli bookgraph/tools core graph ingest embed api
	@log=$$(mktemp); $(BIN)/pip-audit --strict --no-deps --disable-pip --progress-spinner off \
	  -r $(LOCKS)/runtime.txt > $$log 2>&1; code=$$?; tail -n 40 $$log; \
	  if [ $$code != 0 ] && ! grep -q "known vulnerabilit" $$log; then \
	    echo "The service of advisories could not be asked. The packages were NOT audited."; fi; \
	  rm -f $$log; exit $$code

.PHONY: sbom
sbom: $(DEV) ## Write the bill of materials, sbom.json: all jars and packages with their hashes
	@$(BIN)/python -m bookgraph.tools.sbom sbom.json

.PHONY: pin-images
pin-images: ## Write the digests of the base images to images.env (needs docker and its registry)
	@for pair in PYTHON_IMAGE=python:3.12-slim NEO4J_IMAGE=neo4j:2026.08-community; do \
	  digest=$$(docker buildx imagetools inspect "$${pair#*=}" --format '{{.Manifest.Digest}}') && \
	    echo "$$digest" | grep -qE '^sha256:[0-9a-f]{64}$$' || { rm -f images.env.part; \
	    echo "Cannot learn the digest of $${pair#*=}: docker buildx or its registry does not answer. images.env was not changed." >&2; exit 1; }; \
	  echo "$$pair@$$digest"; done > images.env.part
	@mv images.env.part images.env
	@echo "Wrote images.env. Commit it, and pass it on: docker compose --env-file images.env build"

.PHONY: secrets
secrets: ## Make the files of secrets for docker compose: Neo4j's password and a key for writing
	@test ! -e secrets/neo4j_password || { echo "secrets/neo4j_password exists. It was not changed."; exit 1; }
	# The folder is closed to other users; in the container, another user reads the files.
	@mkdir -p secrets && chmod 700 secrets
	@random() { $(PYTHON) -c 'import secrets; print(secrets.token_hex(16))'; }; umask 022; \
	  random > secrets/neo4j_password && random > secrets/write_keys && \
	  echo "neo4j/$$(cat secrets/neo4j_password)" > secrets/neo4j_auth
	@echo "Wrote the files neo4j_password, neo4j_auth and write_keys in secrets/."

.PHONY: clean
clean: ## Delete .venv, node_modules, build folders and tool caches. Data and models stay.
	rm -rf $(VENV) node_modules build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info
