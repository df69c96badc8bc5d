# Everything here makes its own environment first; only Python 3.11 or newer and make are expected.

PYTHON := $(shell scripts/find-python 3.11 3.12 3.13 3.14 3.15)
NEWEST := $(shell scripts/find-python 3.13)

ENVIRONMENT := .venv/.installed
ifneq ($(NEWEST),)
ENVIRONMENTS := $(ENVIRONMENT) .venv-313/.installed
else
ENVIRONMENTS := $(ENVIRONMENT)
endif

# Everything that has property tests.
PROPERTIES = $(shell grep -rl --include='test_*.py' 'from hypothesis import' tests)

.PHONY: help demo test check coverage explore bench docs clean

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/^([a-z]+):.*## /make \1\t/' | expand -t 14

demo: $(ENVIRONMENT)  ## sync real files into a real database, and show it
	.venv/bin/python examples/demo.py

test: $(ENVIRONMENTS)  ## run the tests on every database that answers
	.venv/bin/python -m tests.run $(ENVIRONMENTS:/.installed=/bin/python)

check: $(ENVIRONMENT)  ## format, lint, types, layers, tests on SQLite, docs
	.venv/bin/python -m scripts.check

coverage: $(ENVIRONMENT)  ## which lines the tests on SQLite leave out
	.venv/bin/python -m pytest -q -n auto --dist worksteal --cov --cov-report term

explore: $(ENVIRONMENT)  ## try random examples, of histories 20,000: those that fail are printed
	MODELSYNC_EXAMPLES=$${MODELSYNC_EXAMPLES:-20000} .venv/bin/python -m pytest -q --tb short \
		--hypothesis-profile explore $(PROPERTIES)

bench: $(ENVIRONMENT)  ## measure ratios against peers
	.venv/bin/python -m tests.bench
	.venv/bin/python -m tests.bench.pull
	.venv/bin/python -m tests.bench.capture
	.venv/bin/python -m tests.bench.push

docs: $(ENVIRONMENT)  ## build the documentation into docs/_build/html
	.venv/bin/python -m sphinx -W --keep-going -q docs docs/_build/html

clean:  ## remove environments, caches and what was built
	rm -rf .venv .venv-313 .tested .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache \
		.ruff_cache build dist docs/_build

.venv/.installed: pyproject.toml scripts/environment
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed"; exit 1; }
	@scripts/environment .venv $(PYTHON) 5.2
	@touch $@

.venv-313/.installed: pyproject.toml scripts/environment
	@scripts/environment .venv-313 $(NEWEST) 6.1
	@touch $@
