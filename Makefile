# `make` alone lists what there is. Everything happens in .venv, from hash-locked requirements.

PYTHON ?= python3
UV ?= uv
BIN := .venv/bin
SECONDS := 300
# Says which interpreter made .venv: another PYTHON makes it anew.
INTERPRETER := .venv/made-by-$(subst /,_,$(PYTHON))
PIP := $(BIN)/python -m pip --disable-pip-version-check install -qq --no-deps
LOCKED := $(PIP) --require-hashes --only-binary :all: --requirement
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate $(UPGRADE)

# Its newest has no wheel for Python 3.11.
ATHERIS := atheris<3.1 ; python_version < "3.12"\natheris>=3.1 ; python_version >= "3.12"\n

BUILD_BACKEND := $(PYTHON) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")'

.PHONY: help bisect regression test container-test attacks fuzz platform-test pictures lint types versions versions-short bench lock clean
.DELETE_ON_ERROR:

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 16

bisect: .venv/runtime ## judge the models of the built-in synthetic cache: nothing wrong there
	$(BIN)/bisect-cache bisect

regression: .venv/runtime ## make a cache whose model 5 is bad, and find it
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
	$(BIN)/bisect-cache generate "$$folder/cache" --regress-at 5 && \
	{ $(BIN)/bisect-cache bisect --cache "$$folder/cache"; found=$$?; } && \
	if [ $$found -eq 1 ]; then \
	  echo "Found, as it should be: bisect-cache ends with 1 when there is a regression."; \
	else \
	  echo "bisect-cache ended with $$found instead of 1: the planted regression was not found." >&2; exit 1; \
	fi

test: .venv/dev ## unit and integration tests
	$(BIN)/pytest

container-test: .venv/dev ## build the image and run it as GitHub's runner does (needs root, or BISECT_CACHE_DOCKER_HOST)
	$(BIN)/pytest tests/container

attacks: .venv/dev ## try every attack and fault, and print the table of SECURITY.md (as root, to try those on the image too)
	$(BIN)/pytest -q -m attack tests/unit tests/integration tests/container

# Where there is no atheris for this platform or Python, seeds are mutated without it.
fuzz: .venv/dev ## try to break every parser of text, for SECONDS=300; what breaks one is kept in build/fuzz
	@$(LOCKED) requirements/fuzz.txt || echo "make fuzz: no atheris for this platform or Python; going on without it" >&2
	$(BIN)/python tests/fuzz/run.py --seconds $(SECONDS)

platform-test: .venv/dev ## draw reports and take requests as GitHub does (needs Chromium)
	$(BIN)/pytest tests/platform

pictures: .venv/dev ## draw docs/images/*.md (needs Chromium)
	$(BIN)/python tools/pictures.py

lint: .venv/dev ## formatting, imports, action and workflows, Dockerfile
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.github-actions action.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/zizmor --offline --no-progress action.yml .github/workflows
	$(BIN)/hadolint Dockerfile
	$(BIN)/act --validate

types: .venv/dev ## mypy
	$(BIN)/mypy

versions: .venv/dev ## the recipe's bytes over many versions of its libraries
	$(BIN)/python tools/version_matrix.py

versions-short: .venv/dev ## the same over the oldest and the newest
	$(BIN)/python tools/version_matrix.py --short

bench: .venv/dev ## time and memory
	$(BIN)/python benchmarks/run.py

.PHONY: wheels audit
wheels: .venv/audit ## is there a locked wheel for every platform? (asks the index)
	.venv/audit/bin/python tools/wheels.py --uv .venv/audit/bin/uv

# Nothing here can know of a weakness that nobody has told it of: this asks a database, so it needs a network. What the
# database does not know is an error (--strict), so that an answer of nothing is never taken for "nothing wrong".
audit: .venv/audit ## has anybody reported a weakness in what the image holds? (asks a database)
	.venv/audit/bin/pip-audit --strict --disable-pip --require-hashes --requirement requirements/runtime.txt

# An existing lock's versions are kept where pyproject.toml still allows them: `make lock UPGRADE=--upgrade`
# takes the newest. The build backend is read from pyproject.toml too, so nothing is pinned in two places.
lock: ## re-create requirements/*.txt from pyproject.toml (needs uv)
	@command -v $(UV) >/dev/null || { echo "make lock needs uv: pip install uv, or make lock UV=/path/to/uv" >&2; exit 1; }
	$(COMPILE) pyproject.toml --output-file requirements/runtime.txt
	$(COMPILE) pyproject.toml --extra extract --constraint requirements/runtime.txt --output-file requirements/extract.txt
	$(COMPILE) pyproject.toml --extra dask --constraint requirements/runtime.txt --output-file requirements/dask.txt
	$(BUILD_BACKEND) | $(COMPILE) - --output-file requirements/build.txt
	$(BUILD_BACKEND) | $(COMPILE) pyproject.toml - --extra dev --constraint requirements/runtime.txt \
	  --output-file requirements/dev.txt
	printf '$(ATHERIS)' | $(COMPILE) - --output-file requirements/fuzz.txt
	printf 'pip-audit>=2.10\nuv>=0.9\n' | $(COMPILE) - --output-file requirements/audit.txt

clean: ## remove .venv and what the tools leave
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache dist build

# The stamps below say what .venv holds. Both end with the package itself, editable, so that the sources in
# src/ are what runs.
.venv/runtime: requirements/runtime.txt requirements/build.txt pyproject.toml $(INTERPRETER)
	$(LOCKED) requirements/runtime.txt --requirement requirements/build.txt
	$(PIP) --no-build-isolation --editable .
	@touch $@

.venv/dev: requirements/dev.txt pyproject.toml $(INTERPRETER)
	$(LOCKED) requirements/dev.txt
	$(PIP) --no-build-isolation --editable .
	@touch $@ .venv/runtime

# An environment of its own: what looks at the locks is not judged beside them.
.venv/audit: requirements/audit.txt $(INTERPRETER)
	$(PYTHON) -m venv --clear $@
	$@/bin/python -m pip --disable-pip-version-check install -qq --no-deps --require-hashes --only-binary :all: \
	  --requirement requirements/audit.txt
	@touch $@

$(INTERPRETER):
	@command -v $(PYTHON) >/dev/null || \
	  { echo "There is no $(PYTHON) here; bisect-cache needs Python 3.11 or newer: make PYTHON=/path/to/python3 …" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$$($(PYTHON) --version) is too old: bisect-cache needs 3.11 or newer: make PYTHON=python3.13 …" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(PYTHON) cannot make virtual environments; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv
	@touch $@
