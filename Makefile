# Everything a developer runs. `make demo` and `make test` need only Python 3.11, 3.12 or 3.13.
SHELL := /bin/sh
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	"$$p" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo "$$p" && break; done)
BIN := .venv/bin
READY := .venv/.ready
# The pages are built where a Node.js is that can; without, the server says how to get them.
NODES := const [major, minor] = process.versions.node.split(".").map(Number); \
	process.exit(major > 22 || (major == 22 && minor >= 12) || (major == 20 && minor >= 19) ? 0 : 1)
NPM ?= $(shell node -e '$(NODES)' 2>/dev/null && command -v npm)
PAGES := $(if $(NPM),console/dist/index.html)
SOURCES := $(shell find console \( -name node_modules -o -name dist -o -name generated \) -prune -o -type f -print)

.PHONY: setup demo test test-deep test-image differential soak check check-style check-types check-schema \
	check-imports check-pages schema pictures bench lock

setup: $(READY) $(PAGES)

$(READY): requirements-dev.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Headcount needs Python 3.11, 3.12 or 3.13: none was found on PATH."; exit 1; }
	"$(PYTHON)" -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

console/node_modules/.ready: console/package-lock.json
	cd console && "$(NPM)" ci --loglevel=error
	@touch $@

$(PAGES): console/node_modules/.ready schema/schema.graphql $(SOURCES)
	cd console && "$(NPM)" run --silent build -- --logLevel warn

demo: setup
	@exec $(BIN)/headcount demo

# On all processors, each with a MongoDB of its own. How much a profile tries: tests/profiles.py.
TESTS := $(BIN)/pytest --numprocesses auto --maxprocesses 8 --dist worksteal

test: setup
	HEADCOUNT_TEST_PROFILE=quick $(TESTS)

# The same tests with more examples, and more followers killed: about half an hour on two cores.
test-deep: setup
	HEADCOUNT_TEST_PROFILE=deep $(TESTS) -m 'not image'

# The steps of the Dockerfile: they install the requirements, and build the pages and the wheel.
test-image: setup
	$(BIN)/pytest -m image

# Servers under disturbances against an independent oracle, for two hours: CONTRIBUTING.md.
MINUTES ?= 120
differential: setup
	@exec $(BIN)/python -m tests.differential --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) $(OPTIONS)

# A server under load, hostile requests and faults of MongoDB, for ten minutes: CONTRIBUTING.md.
SOAK_MINUTES ?= 10
soak: setup
	@exec $(BIN)/python -m tests.soak --minutes $(SOAK_MINUTES) $(if $(SEED),--seed $(SEED))

# Its parts run side by side with --jobs.
check: check-style check-types check-schema check-imports check-pages

check-style: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

check-types: setup
	$(BIN)/mypy

check-schema: setup
	$(BIN)/python -m schema --check

check-imports: setup
	$(BIN)/pytest tests/test_architecture.py

check-pages: setup
	$(if $(NPM),cd console && "$(NPM)" run --silent check)

# Writes what is generated of the schema: schema/schema.graphql, and the tables of docs/kpis.md.
schema: setup
	$(BIN)/python -m schema

# The docs' pictures of the pages, taken anew.
pictures: setup
	$(BIN)/pytest tests/console/test_pictures.py --pictures docs

bench: setup
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.load --plot docs/load.svg
	$(BIN)/python -m benchmarks.crowd
	$(BIN)/python -m benchmarks.exports
	$(BIN)/python -m benchmarks.compression
	$(BIN)/python -m benchmarks.rollups
	$(BIN)/python -m benchmarks.against_live
	$(BIN)/python -m benchmarks.rest

# After a change of the dependencies in pyproject.toml.
lock: setup
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --python-version 3.11 \
		--extra otel pyproject.toml --output-file requirements.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --python-version 3.11 \
		--constraints requirements.lock --extra otel --extra embedded --extra dev pyproject.toml --output-file requirements-dev.lock
