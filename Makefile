# Everything that people and the CI type. Each target sets up what is due first; nothing needs root.

DEVNET ?=
PORT ?=
ARGS ?=
WORKERS ?= 4
# Each devnet has a chain of its own, so each has a data directory of its own.
DATA ?= .piecework$(if $(filter ganache,$(DEVNET)),-ganache)

PYTHON ?= python3
BIN := .venv/bin
PIP := -m pip --disable-pip-version-check -qq
LOCK := uv pip compile --universal --generate-hashes --no-header --no-emit-index-url --quiet
CONTRACTS := $(shell find contracts/src -name '*.sol' 2>/dev/null)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup up down status demo test migration lock ape prove mutate deploy screenshots clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' Makefile
	@echo "  Variables: DEVNET=anvil|ganache|http://…  PORT=8000  DATA=.piecework  ARGS='…' (for test, ape and deploy)"

setup: .venv/project node_modules/.installed contracts/build/fingerprint  ## virtual environment, npm packages, compiled contracts

up: setup  ## start the marketplace in the foreground; Ctrl-C stops it (DEVNET=, PORT=, DATA=)
	@$(BIN)/piecework up --data $(DATA) $(if $(DEVNET),--devnet $(DEVNET)) $(if $(PORT),--port $(PORT))

down: setup  ## stop what runs from DATA, or from the default directories
	@for data in $(if $(filter command,$(origin DATA)),$(DATA),$(wildcard .piecework .piecework-ganache)); do \
	  $(BIN)/piecework down --data $$data || exit 1; done

status: setup  ## say what runs
	@$(BIN)/piecework status --data $(DATA) || test $$? -eq 3

demo: setup  ## real ratings from 1979 through the whole marketplace (started for it if none runs)
	@if $(BIN)/piecework status --data $(DATA) >/dev/null; then $(BIN)/piecework demo --data $(DATA) $(ARGS); else \
	  trap '$(BIN)/piecework down --data $(DATA) >/dev/null' EXIT; \
	  $(BIN)/piecework up --detach --json --data $(DATA) --port $(or $(PORT),0) $(if $(DEVNET),--devnet $(DEVNET)) >/dev/null && \
	  $(BIN)/piecework demo --data $(DATA) $(ARGS); fi

test: setup  ## all tests, four files at a time, for they wait more than they reckon (ARGS="tests/stack -k kill", WORKERS=0 for one after the other)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

migration: setup  ## the revision that takes a database's tables to the models (NAME='what changes')
	@$(BIN)/python -m scripts.migration $(NAME)

lock:  ## renew the locks from pyproject.toml and package.json (needs uv)
	$(LOCK) --group test --group install pyproject.toml -o requirements.lock
	$(LOCK) --group ape -o requirements-ape.lock
	$(LOCK) --group analysis -o requirements-analysis.lock
	npm install --package-lock-only --ignore-scripts

ape: setup .venv-ape/installed  ## Ape on the same sources (ARGS="test", default compile)
	@.venv-ape/bin/ape $(or $(ARGS),compile)

prove: setup .venv-analysis/installed  ## halmos and slither on the contracts (ARGS="slither", "halmos Slots"; docs/proofs.md)
	@$(BIN)/python -m scripts.prove $(ARGS)

mutate: setup  ## faults planted in the contracts, and the test that notices each (ARGS="--sample 40"; docs/mutation.md)
	@$(BIN)/python -m scripts.mutate $(ARGS)

deploy: setup .venv-ape/installed  ## the contracts on a chain (ARGS="--network ethereum:mainnet:node --account ALIAS")
	@.venv-ape/bin/ape run deploy $(ARGS)

screenshots: setup  ## every page at phone and desktop width, light and dark (ARGS='folder [gallery|market]', default screenshots/)
	@$(BIN)/python -m scripts.screenshots $(ARGS)
	@$(BIN)/python -m scripts.hire_pictures $(ARGS)

clean:  ## remove what setup made; never the data
	rm -rf .venv .venv-ape .venv-analysis .solcx node_modules contracts/build contracts/forge-out contracts/forge-cache contracts/.cache

# What is set up holds its own stamp, so that deleting it makes it due.

.venv/installed: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Piecework needs Python 3.11 or newer as '$(PYTHON)'; say make PYTHON=… to use another." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "'$(PYTHON)' can't make virtual environments; on Debian install python3-venv." >&2; exit 1; }
	@echo "Installing Python packages into .venv (a minute or two) …"
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python $(PIP) install --require-hashes -r requirements.lock
	@touch $@

.venv/project: .venv/installed pyproject.toml
	@$(BIN)/python $(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

node_modules/.installed: package-lock.json package.json
	@node -e 'process.exit(+process.versions.node.split(".")[0] < 20 ? 1 : 0)' 2>/dev/null && command -v npm >/dev/null || \
	  { echo "Piecework needs Node.js 20 or newer, with npm, for the compiler and the devnets." >&2; exit 1; }
	@echo "Installing npm packages: compiler, libraries, devnets …"
	@npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

contracts/build/fingerprint: .venv/project node_modules/.installed foundry.toml $(CONTRACTS)
	@echo "Compiling the contracts (half a minute) …"
	@$(BIN)/python -m scripts.compile
	@touch $@

.venv-ape/installed: requirements-ape.lock scripts/setup_ape.py
	@echo "Installing Ape into .venv-ape (a minute) …"
	@$(BIN)/python scripts/setup_ape.py
	@touch $@

.venv-analysis/installed: requirements-analysis.lock
	@echo "Installing halmos and slither into .venv-analysis (a minute) …"
	@$(PYTHON) -m venv --clear .venv-analysis
	@.venv-analysis/bin/python $(PIP) install --require-hashes -r requirements-analysis.lock
	@touch $@
