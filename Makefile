# The verbs of the project; a bare `make` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PARALLEL ?= 2
QUIX := build/quix
FAST := $(wildcard tests/unit tests/contract tests/integration)
WHOLE := $(wildcard tests/e2e $(if $(filter 0,$(BROWSER)),,tests/browser))

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format check faults fuzz lock schemas chart clean

help: ## list the verbs
	@grep -hE '^[a-z%-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z%-]+):.*## /\1\t/' | expand -t 14

setup: $(VENV)/.ready ## make the virtual environment (the other verbs do it by themselves)

$(VENV)/.ready: requirements.lock pyproject.toml deploy/setup
	@PYTHON="$(PYTHON)" bash deploy/setup $(VENV)

demo: $(VENV)/.ready ## run a synthetic round on the real broker and store; EXIT=1 stops at its end
	@$(BIN)/keycounty demo $(if $(EXIT),--exit) $(ARGS)

test: lint ## lint, then unit, contract, integration, end-to-end and browser tests (BROWSER=0 leaves those out)
	@BROWSER="$(BROWSER)" bash deploy/needs-browser
	$(BIN)/python -m pytest -n $(PARALLEL) --dist loadfile $(FAST)
	$(if $(WHOLE),$(BIN)/python -m pytest $(WHOLE))

lint: $(VENV)/.ready ## ruff, mypy --strict, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.ready ## let ruff format and repair what it can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

check: lint ## lint and the tests that need neither broker nor store
	$(BIN)/python -m pytest -n $(PARALLEL) --dist loadfile $(wildcard tests/unit)

faults: $(VENV)/.ready ## long campaign: kill parts of the running system; ends with a line of JSON
	@$(BIN)/python -m tests.campaign faults $(ARGS)

fuzz: $(VENV)/.ready ## long campaign: random input against the APIs and the fold; ends with a line of JSON
	@$(BIN)/python -m tests.campaign fuzz $(ARGS)

bench-%: $(VENV)/.ready ## measure one service, as in bench-scoring; ends with a line of JSON
	@$(BIN)/python -m tests.performance.$* $(ARGS)

# A contender of scoring, in a directory of its own: it wants an older pydantic than ours.
bench-scoring: $(QUIX)/.ready
$(QUIX)/.ready: | $(VENV)/.ready
	@$(BIN)/python -m pip --disable-pip-version-check --quiet install --no-warn-conflicts --target $(QUIX) "quixstreams~=3.28" orjson
	@touch $@

LOCK := uv pip compile pyproject.toml --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
  --no-header --no-annotate --quiet $(if $(UPGRADE),--upgrade)

lock: ## resolve pyproject.toml anew into both lock files (needs uv; UPGRADE=1 takes newer versions)
	$(LOCK) --extra local --extra dev -o requirements.lock
	$(LOCK) --constraint requirements.lock -o deploy/docker/requirements.lock

schemas: $(VENV)/.ready ## write the event schemas of docs/events/ from the models
	$(BIN)/python -m shared.events.schemas

chart: $(VENV)/.ready ## render the Helm chart for its test (needs helm)
	$(BIN)/python -m tests.chart

clean: ## remove the virtual environment and caches; data directories stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build
