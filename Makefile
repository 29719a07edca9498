.DEFAULT_GOAL := help
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
PAGES := cardnet/web/static/dist/till/manifest.json
PAGE_SOURCES := frontend/package-lock.json $(wildcard frontend/*.ts frontend/*.json) $(shell find frontend/src frontend/public -type f 2>/dev/null)

# Where this is set, each of the many processes the tests and the demonstration start compiles the whole of cardnet again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test check fix bench soak pages browser clean lock

help: ## What can be made here
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: $(VENV)/.runtime pages ## Start everything with the demonstration union (ARGS="--port 8001 --fresh")
	@exec $(BIN)/cardnet demo $(ARGS)

test: check browser ## Everything CI runs: checks, unit, service, HTTP, page and browser tests, TypeScript tests
	$(BIN)/pytest -n 2 --dist worksteal
	cd frontend && PATH="$(CURDIR)/$(BIN):$$PATH" npm test --silent

check: $(VENV)/.dev pages ## Format, lint, import rule, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	cd frontend && PATH="$(CURDIR)/$(BIN):$$PATH" npm run --silent check

fix: $(VENV)/.dev ## Let the tools mend what they can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev pages ## Benchmarks, each a ratio to a floor of the same run (BENCH=redemption for one)
	$(BIN)/python -m benchmarks $(BENCH)

soak: $(VENV)/.dev pages ## The programmes of quality.md at full length, hours (PROGRAMMES="T5 T6" for some)
	@scripts/soak.sh $(PROGRAMMES)

pages: $(PAGES)

browser: $(VENV)/.dev
	@scripts/browser.sh

$(VENV)/.runtime: requirements.lock pyproject.toml
	@scripts/python.sh requirements.lock && touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml
	@scripts/python.sh requirements-dev.lock && touch $@ $(VENV)/.runtime

$(PAGES): $(PAGE_SOURCES) | $(VENV)/.runtime
	@scripts/pages.sh

clean: ## Remove what was built here; data folders stay
	rm -rf $(VENV) frontend/node_modules cardnet/web/static/dist artifacts build

lock: $(VENV)/.dev ## Make the lock files again after a change of dependencies
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile -q --no-header --no-annotate --no-emit-index-url --no-emit-find-links --generate-hashes --python-version 3.11 --extra dev pyproject.toml -o requirements-dev.lock
	$(BIN)/uv pip compile -q --no-header --no-annotate --no-emit-index-url --no-emit-find-links --generate-hashes --python-version 3.11 -c requirements-dev.lock pyproject.toml -o requirements.lock
