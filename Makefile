# Everything is set up by the first target that needs it, without root, inside this folder.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
ONLY ?=
TIMES ?= 10
# Or each of the many processes that tests and the demo start compiles the whole bot for itself.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install run demo test lint check bench soak docs lock clean

help:  ## Show what there is
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: .venv/.ready  ## Set up .venv, PM2 and the demo's packages

.venv/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "opsbot needs Python 3.11 or newer: make PYTHON=python3.11"; exit 1; }
	@echo "Setting up .venv: about a minute the first time ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --no-warn-script-location --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m bot.demo.tools
	@touch $@

run: install  ## Run the bot by opsbot.yaml
	@$(BIN)/opsbot run $(ARGS)

demo: install  ## Run everything on this machine: a local Slack, a real gateway, the bot, and a prompt
	@$(BIN)/opsbot demo $(ARGS)

test: install  ## Run the tests, in parallel and in random order
	@$(BIN)/python -m pytest -n auto --dist worksteal --cov --cov-report=term $(ARGS)

lint: install  ## Format and lint, check types and layers
	@$(BIN)/ruff format --check --quiet . || { echo "Run: $(BIN)/ruff format ."; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

check: lint test  ## What has to pass before a change lands

bench: install  ## Measure; ONLY=ack runs one group
	@$(BIN)/python -m tests.bench $(ONLY)

soak: install  ## Kill or pause one of two bots in each kind of change, TIMES=10 times each, at random places
	@SOAK=$(TIMES) $(BIN)/python -m pytest -n auto tests/app/test_pairs.py tests/app/test_incident_pairs.py tests/app/test_alert_pairs.py $(ARGS)

docs: install  ## Write the manifest and the references anew
	@$(BIN)/python -m bot.reference

lock:  ## Pin the newest versions of all dependencies
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --upgrade --group dev pyproject.toml -o requirements.lock

clean:  ## Remove what install made
	@rm -rf .venv .tools
