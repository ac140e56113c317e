# The two commands a newcomer needs: `make demo` and `make test`. Each builds .venv when it is
# missing, or older than the files that say what belongs into it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO := runs/demo
# the root is the package vclipbench, so the type checker has to see it under that name
TYPES := $(VENV)/types
PACKAGES := bench datasets leaderboard methods protocols

export OMP_NUM_THREADS ?= 2

.PHONY: demo test test-slow leaderboard lint imports types format constraints clean

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(STAMP)
	$(BIN)/bench run --method clip --protocol b2n-shapes --out $(DEMO)
	$(BIN)/bench run --method vifi --protocol b2n-shapes --out $(DEMO)
	$(BIN)/bench leaderboard $(DEMO)

PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test: $(STAMP)  ## two processes of one thread each, file by file, the longest first (tests/conftest.py)
	$(PYTEST) -m "not slow"

test-slow: $(STAMP)  ## what takes longer, or needs a daemon
	$(PYTEST) -m slow

leaderboard: $(STAMP)  ## LEADERBOARD.md and docs/leaderboard, from the records there
	$(BIN)/python scripts/make_leaderboard.py

lint: $(STAMP) imports types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell

$(TYPES)/vclipbench: $(STAMP)  # the root under the name of the package
	mkdir -p $(TYPES) && ln -sfn $(CURDIR) $@

imports: $(TYPES)/vclipbench  ## who may import whom
	cd $(TYPES) && $(CURDIR)/$(BIN)/lint-imports vclipbench/pyproject.toml --no-logo

types: $(TYPES)/vclipbench
	cd $(TYPES) && $(CURDIR)/$(BIN)/mypy --config-file vclipbench/pyproject.toml $(PACKAGES:%=-p vclipbench.%)

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

constraints: $(STAMP)  ## write down what is installed now
	$(BIN)/python scripts/write_constraints.py

clean:
	rm -rf $(VENV) runs build *.egg-info .pytest_cache .ruff_cache .mypy_cache
