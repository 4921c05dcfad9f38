# Thin targets; everything works without make from an activated .venv.
.PHONY: run study test test-full fuzz bench check install lock docs clean
.DEFAULT_GOAL := help

PYTHON ?= python3
ACTIVATE := . .venv/bin/activate &&
# In the order of collection: what waits for the toy study comes last.
PYTEST := python -m pytest --numprocesses auto --dist loadgroup --no-loadscope-reorder
# Where atheris has wheels, as in pyproject.toml: pip-compile drops the marker.
ATHERIS := sys_platform == "linux" and platform_machine == "x86_64" and python_version < "3.13"

help: ## Show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/'

install: .venv/installed ## Make .venv from requirements.lock

.venv/installed: requirements.lock
	$(PYTHON) -m venv .venv
	$(ACTIVATE) python -m pip install --quiet --requirement requirements.lock
	touch $@

run: install ## Run the study of params.yaml and print what it found
	$(ACTIVATE) snakemake --cores all
	$(ACTIVATE) python -m stages.report.summary

study: install ## Run the study STUDY of studies/ in a folder of its own
	$(ACTIVATE) python -m workflow.study $(STUDY)

test: install ## Run the tests that take minutes in all
	$(ACTIVATE) $(PYTEST)

test-full: install ## Run every test (ONLY="-m full": those that `make test` leaves out)
	$(ACTIVATE) GENNAS_FULL=1 $(PYTEST) $(ONLY)

fuzz: install ## Fuzz the parsers of what comes from elsewhere (15 minutes)
	$(ACTIVATE) python -m tests.faults.fuzz

bench: install ## Measure speed and rho against a plain implementation (hours)
	$(ACTIVATE) python -m measurements.measure

check: install ## Lint, format, types
	$(ACTIVATE) ruff check . && ruff format --check .
	$(ACTIVATE) snakefmt --check --compact-diff workflow tests/feather
	$(ACTIVATE) snakemake --lint
	$(ACTIVATE) mypy

docs: install ## Write docs/parameters.md
	$(ACTIVATE) python -m stages.support.params --docs > docs/parameters.md

# The local version label of a CPU build ("+cpu") is no release of its own: drop it.
lock: install ## Write requirements.lock from pyproject.toml
	$(ACTIVATE) pip-compile --extra dev --extra pipeline --strip-extras --no-emit-index-url --no-emit-find-links \
	    --no-header --quiet --output-file requirements.lock pyproject.toml
	sed -i -E -e 's/^(torch==[0-9.]+)\+cpu/\1/' -e 's/^(atheris==[0-9.]+)$$/\1 ; $(ATHERIS)/' requirements.lock

clean: ## Delete what a run made, except .venv and the DVC cache
	rm -rf results logs checkpoints .snakemake
	git checkout -- results
