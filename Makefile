# Two commands on a machine with Python >= 3.11 and make: `make demo` and `make test`.  Everything else is here too.
PYTHON ?= python3
UV := .bootstrap/bin/uv
BIN := .venv/bin

.PHONY: demo test check lint types slow bench clean setup

demo: setup  ## the main job on a generated data set, offline, in a few minutes
	$(BIN)/aqa demo

test: setup  ## the default tests: CPU, offline
	$(BIN)/pytest

slow: setup  ## the tests that take longer
	$(BIN)/pytest -m "slow and not gpu and not browser"

check: lint types  ## lint and types

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

bench: setup  ## speed, as ratios against a named peer in one run
	$(BIN)/python -m benchmarks

setup: .venv/.complete

$(UV):
	$(PYTHON) -m venv .bootstrap
	.bootstrap/bin/python -m pip install --quiet --disable-pip-version-check "uv>=0.5"

.venv/.complete: pyproject.toml constraints.txt | $(UV)
	$(UV) venv --quiet --clear --python $(PYTHON) .venv
	$(UV) pip install --quiet --python .venv/bin/python -c constraints.txt --group dev -e '.[video]'
	touch $@

clean:
	rm -rf .venv .bootstrap .mypy_cache .ruff_cache .pytest_cache
