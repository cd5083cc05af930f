# Bellhop's tasks. Each makes what it needs in .venv and node_modules first. Outside this folder nothing is installed but
# what .ci/machine lists, where it may be: a venv for all, real servers and a browser for the tests.

.DEFAULT_GOAL := help
.PHONY: help machine run shapes pages screenshots check quick test test-long test-pages test-faults lint tested bench bench-emit bench-catalog bench-cluster bench-mail bench-refused bench-stats bench-history bench-idle clean
.DELETE_ON_ERROR:
# Images of Python set it. Without a cache of what is compiled each process of the tests begins with seconds of compiling.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
# uv does in ten seconds what pip does in a minute or two; a version manager's shim of it may have none behind it.
PIP := $(if $(shell uv --version 2>/dev/null),uv pip install --quiet --python $(BIN)/python,$(BIN)/python -m pip install \
	--quiet --disable-pip-version-check --no-compile)
# What runs is what was tested: the same versions here, in CI and in the image.
TESTED := constraints.txt
NPM := $(CURDIR)/.ci/npm

# The first Python that is new enough, by running it: a version manager's shim may have none behind it.
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

RUNTIME := $(VENV)/.runtime
DEVELOPING := $(VENV)/.developing
TESTING := $(VENV)/.testing
PAGES := web/node_modules/.pages
JOURNEYS := tests/journeys/node/node_modules/.package-lock.json
NEXT := tests/browser/next/.next/BUILD_ID
RIVALS := bench/rivals/node/node_modules/.package-lock.json
BUN := bench/rivals/bun/node_modules/.package-lock.json
OXIDE := bench/build/oxide/.built

help:  ## show this list
	@sed -n 's/^\([a-z-]*\):.*##  *\(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name text; do \
		printf '  make %-12s %s\n' "$$name" "$$text"; done

# --- the environment -------------------------------------------------------------------------------------------------

$(BIN)/pip:
	@.ci/machine build $(PYTHON)
	@$(or $(PYTHON),python3) -m venv --clear $(VENV)

$(RUNTIME): setup.cfg pyproject.toml $(TESTED) | $(BIN)/pip
	$(PIP) --constraint $(TESTED) --editable .
	@touch $@

# No servers and no browser: what style, types and most unit tests need.
$(DEVELOPING): setup.cfg pyproject.toml $(TESTED) | $(BIN)/pip
	$(PIP) --constraint $(TESTED) --editable '.[dev]'
	@touch $@ $(RUNTIME)

$(TESTING): setup.cfg pyproject.toml $(TESTED) | $(BIN)/pip
	$(PIP) --constraint $(TESTED) --editable '.[test]'
	@touch $@ $(DEVELOPING) $(RUNTIME)

$(JOURNEYS): tests/journeys/node/package-lock.json $(TESTING)
	cd tests/journeys/node && $(NPM) ci --no-audit --no-fund
	@touch $@

tests/browser/next/node_modules/.package-lock.json: tests/browser/next/package-lock.json | $(RUNTIME)
	cd tests/browser/next && $(NPM) ci --no-audit --no-fund
	@touch $@

# What a shop on Next.js makes of the client as it is published.
$(NEXT): $(wildcard tests/browser/next/*.mjs tests/browser/next/app/* tests/browser/next/app/*/*) \
		tests/browser/next/node_modules/.package-lock.json $(PAGES)
	cd tests/browser/next && $(NPM) run build
	@touch $@

# For every Python and platform at once, which pip cannot do.
tested:  ## write constraints.txt anew: the newest release of every dependency, for the tests to judge
	@uv --version >/dev/null || { echo "what goes together is found out by uv: https://docs.astral.sh/uv/" >&2; exit 1; }
	uv pip compile --quiet --universal --python-version 3.11 --upgrade --all-extras --no-annotate \
		--no-emit-package bellhop-gateway --custom-compile-command 'make tested' --output-file $(TESTED) setup.cfg

# --- run -------------------------------------------------------------------------------------------------------------

WEB_SOURCES := $(shell find web -name node_modules -prune -o -name dist -prune -o -type f -print)

# By `npm ci`, which begins with an empty folder: only when other packages are wanted.
web/node_modules/.package-lock.json: web/package-lock.json $(wildcard web/*/package.json) | $(RUNTIME)
	cd web && $(NPM) ci --no-audit --no-fund
	@touch $@

$(PAGES): $(WEB_SOURCES) web/node_modules/.package-lock.json
	cd web && $(NPM) run build
	@touch $@

shapes: $(RUNTIME)  ## write the pages' types anew, from the table of operations
	$(BIN)/python -m gateway.protocol.typescript

pages: $(PAGES)  ## build the dashboard and the demo page

screenshots: $(PAGES) $(JOURNEYS)  ## take the README's pictures anew
	$(BIN)/python -m tests.browser.pictures

# Without a package registry in reach there is still a gateway to try: the pages alone are missing.
run: $(RUNTIME)  ## run the demo: everything in one process, no services needed
	@npm_config_fetch_retries=1 npm_config_fetch_retry_mintimeout=1000 $(MAKE) --no-print-directory pages || { \
		echo; echo "The pages could not be built (the reason is above). Bellhop runs without them."; echo; } >&2
	@exec $(BIN)/bellhop demo $(ARGS)

# --- check -----------------------------------------------------------------------------------------------------------

# A machine without the servers is a guest's: what it cannot run is left out, with the reason.
CHECK := $(BIN)/python -m pytest -q -n 2 -p tests.support.guest

check: $(DEVELOPING)  ## some tests, such as T=tests/unit/mailer, with whatever servers are there
	$(CHECK) $(or $(T),tests/unit)

quick: $(DEVELOPING)  ## style, types and unit tests, without a server or a browser to install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(CHECK) tests/unit

lint: $(DEVELOPING)  ## style, types and the arrows between packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --config setup.cfg

# Before everything else, and before the environment too: what it installs may be what that is made of.
machine:
	@.ci/machine test $(PYTHON)

ifneq ($(filter test test-long test-faults,$(MAKECMDGOALS)),)
$(BIN)/pip: | machine
endif

# What proves who is calling, what leaves by mail and the use cases has no untested line or branch.
PROVEN := auth/*,mailer/*,gateway/notify/deciding/decision.py,gateway/notify/deciding/gates/*,gateway/notify/deciding/sources.py,gateway/notify/deciding/verdicts.py,gateway/notify/delivery/fanout.py,gateway/notify/delivery/translations.py,gateway/notify/emitting/emitter.py,gateway/notify/emitting/owing.py,gateway/notify/emitting/planning.py,gateway/notify/emitting/preview.py,gateway/notify/emitting/showing.py,gateway/notify/inboxes/reading.py,gateway/notify/mailroom.py,gateway/notify/people/users.py,gateway/notify/preferences/suspicion.py,gateway/notify/records.py,gateway/notify/types/preview.py,gateway/notify/wording/languages.py,gateway/notify/wording/said.py,gateway/notify/wording/scribe.py

# Where nobody watches: nothing is skipped, and the little that fails once is tried once more.
TESTS := $(if $(CI),$(BIN)/python .ci/pytest -p tests.support.no_skips,$(BIN)/python -m pytest)

test-pages: $(PAGES)  ## style, types and unit tests of the pages
	cd web && $(NPM) run lint && $(NPM) run typecheck && $(NPM) test

test: machine $(JOURNEYS) $(PAGES) $(NEXT)  ## everything: lint, the pages' tests, and the tests with coverage (about half an hour)
	# Each has use for one core.
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint test-pages
	@$(BIN)/python .ci/kubectl $(BIN)
	@rm -f .coverage .coverage.*
	# Three to two cores: much of what is tested waits for servers and pages. To measure what is covered doubles its cost.
	$(TESTS) -m "not alone and not unmeasured" -n 3 --dist worksteal --cov --cov-report=
	$(TESTS) -m "not alone and unmeasured" -n 3 --dist worksteal tests/journeys tests/browser
	$(TESTS) -m alone \
		--cov --cov-append --cov-report=term --cov-fail-under=95
	$(BIN)/coverage report --include='$(PROVEN)' --fail-under=100

# What tries a few examples or events every day tries all that are worth the wait, at random; a failure prints how to repeat it.
test-long: machine $(JOURNEYS) $(PAGES)  ## the tests that are worth more examples and events than a day has time for
	BELLHOP_TEST_LONG=1 $(TESTS) -m "long or hypothesis" -n 3 --dist worksteal

test-faults: machine $(TESTING) $(JOURNEYS)  ## a cluster under load, and everything that can fail (13 minutes)
	$(TESTS) tests/faults -q

# --- measure ---------------------------------------------------------------------------------------------------------

bench/build/%: bench/%.c
	@command -v gcc >/dev/null || { echo "the load client is C: install gcc" >&2; exit 1; }
	@mkdir -p $(@D)
	gcc -std=c17 -O2 -Wall -Wextra -Werror -o $@ $<

$(RIVALS): bench/rivals/node/package-lock.json $(TESTING)
	cd bench/rivals/node && $(NPM) ci --no-audit --no-fund
	@touch $@

# The two that not every machine can have: without them, the results say so.
$(BUN): bench/rivals/bun/package-lock.json $(TESTING)
	cd bench/rivals/bun && $(NPM) ci --no-audit --no-fund || echo "Socket.IO on Bun is left out" >&2
	@mkdir -p $(@D) && touch $@

$(OXIDE): bench/rivals/oxide/Cargo.lock bench/rivals/oxide/src/main.rs
	@mkdir -p $(@D)
	if command -v cargo >/dev/null; then \
		cargo build --release --locked --manifest-path bench/rivals/oxide/Cargo.toml --target-dir $(@D); \
	fi || echo "socketioxide is left out" >&2
	@touch $@

bench-emit: $(TESTING) bench/build/post  ## emits kept per second, on SQLite and on MongoDB
	$(BIN)/python -m bench.emit $(ARGS)

bench: $(TESTING) $(RIVALS) $(BUN) $(OXIDE) bench/build/load bench/build/post  ## fan-out, connects and memory beside the rivals
	$(BIN)/python -m bench.run $(ARGS)

bench-catalog: $(TESTING)  ## what a type's schema, its words and its mail cost, and the memory of a large catalog (1 minute)
	$(BIN)/python -m bench.worded $(ARGS)

bench-cluster: $(TESTING) bench/build/load bench/build/post  ## one, two and four nodes on Redis beside python-socketio's
	$(BIN)/python -m bench.cluster $(ARGS)

bench-mail: $(TESTING)  ## receipts beside bulk mail on three nodes, and how its rate is held (10 minutes)
	$(BIN)/python -m bench.mail $(ARGS)

bench-stats: $(TESTING)  ## what a million events of the statistics take, and how long a page of them does (5 minutes)
	$(BIN)/python -m bench.stats $(ARGS)

bench-history: $(TESTING) bench/build/load bench/build/post  ## pages, counts and openings of a store of a million (8 minutes)
	$(BIN)/python -m bench.history $(ARGS)

bench-idle: $(TESTING) bench/build/load  ## a node with 20,000 idle websockets, and with 5,000 clients that poll (6 minutes)
	$(BIN)/python -m bench.idle $(ARGS)

bench-refused: $(TESTING)  ## what callers cost who are refused: CPU, and the wait of a probe
	$(BIN)/python -m bench.refused

clean:  ## remove what was made here, but not what Bellhop has stored in var/
	rm -rf $(VENV) build dist *.egg-info .coverage .coverage.* htmlcov .hypothesis bench/build
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	rm -rf web/node_modules tests/journeys/node/node_modules tests/browser/next/node_modules tests/browser/next/.next bench/rivals/node/node_modules bench/rivals/bun/node_modules
	rm -rf gateway/pages/dashboard gateway/pages/demo
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
