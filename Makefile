# One target a verb. `make help` lists them; every target does its own set-up.
SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed-$(shell cat requirements/dev.txt pyproject.toml | sha256sum | cut -c1-16)
LOCALCLUSTER := PYTHONPATH=hack $(BIN)/python -m localcluster
NAME ?= dev
# What decides and what is written is tested on every branch.
PURE := decide drivers serving traffic api
COVERAGE := $(PURE:%=--cov=timoneiro_operator.%) --cov=timoneiro_judge --cov-branch --cov-fail-under=100 \
	--cov-report=term-missing:skip-covered

# Models trained and served for real; random walks and many rollouts played on virtual clocks; quick tests.
WITHOUT_CLUSTER := tests/models tests/simulations tests/unit
# Tests of one module share what is costly to set up; the longest come first, so that no core waits for them in the end.
PARALLEL := -n auto --dist loadscope --no-loadscope-reorder
# Tests on clusters mostly wait: three at a time, each with clusters of its own, unless they are to share one that is up.
CLUSTERS := $(if $(TIMONEIRO_TEST_CLUSTER),,-n 3 --dist loadfile)

# What our model server is measured against, in an environment of its own.
MLSERVER := .local/mlserver

# Where mutants of the code are made and tested.
MUTATION := .local/mutation

.PHONY: help setup lint format test test-unit test-cluster mutation soak chaos bench-judge bench-scale bench-pipeline bench-serving bench-steps demo cluster-up cluster-down cluster-status \
	requirements pipeline example-data use-cases manifests clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{printf "  make %-16s %s\n", $$1, $$2}'

setup: $(STAMP) ## Make the virtual environment from the hash-pinned requirements

$(STAMP): requirements/dev.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "python3 is missing: install Python 3.11 or later" >&2; exit 1; }
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed, and $(PYTHON) is older: set PYTHON=..." >&2; exit 1; }
	$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
		{ echo "Python lacks venv: on Debian and Ubuntu, apt-get install python3-venv" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements/bootstrap.txt
	# Compiled now: where Python may not write, every process would compile all that it imports (2 s become 8).
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes requirements/dev.txt
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --editable .
	rm -f $(VENV)/.installed-*
	touch $@

lint: setup ## Style, types and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=hack $(BIN)/lint-imports --no-logo
	$(BIN)/pytest -q -p no:cacheprovider tests/unit/test_class_names.py

format: setup ## Put the code into its form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test: lint ## Everything: lint and all tests, on local clusters too
	$(BIN)/pytest $(WITHOUT_CLUSTER) $(PARALLEL) $(COVERAGE)
	$(BIN)/pytest tests $(WITHOUT_CLUSTER:%=--ignore=%) $(CLUSTERS)

test-unit: setup ## Quick tests
	$(BIN)/pytest tests/unit $(PARALLEL)

test-cluster: setup ## Tests on the local cluster
	$(BIN)/pytest tests/controlplane tests/e2e $(CLUSTERS)

mutation: setup ## Break `decide` in every small way, and list what no test notices
	rm -rf $(MUTATION)
	mkdir -p $(MUTATION)
	ln -s $(CURDIR)/operator $(MUTATION)/src
	ln -s $(CURDIR)/tests $(CURDIR)/pyproject.toml $(CURDIR)/docs $(CURDIR)/manifests $(MUTATION)
	cd $(MUTATION)
	export PATH="$(CURDIR)/$(BIN):$$PATH" MYPYPATH=src
	nice mutmut run
	mutmut results | { grep -v 'caught by type check' || true; }

soak: setup ## Fifty rollouts in a row with random outcomes under load on a local cluster (about 15 minutes)
	TIMONEIRO_SOAK_ROLLOUTS=$${TIMONEIRO_SOAK_ROLLOUTS:-50} $(BIN)/pytest tests/e2e/test_soak.py -s

bench-judge: setup ## Judge thousands of simulated rollouts, and write the tables of docs/judge.md (long)
	PYTHONPATH=hack $(BIN)/python -m bench.judge

bench-pipeline: setup ## Bring in and check five million rows: CPU and memory, beside polars and duckdb (10 minutes)
	PYTHONPATH=hack $(BIN)/python -m bench.pipeline

bench-serving: setup ## One row a request: our model server beside KServe's and MLServer (3 minutes)
	test -x $(MLSERVER)/bin/python || $(PYTHON) -m venv $(MLSERVER)
	VIRTUAL_ENV=$(MLSERVER) $(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes requirements/mlserver.txt
	PYTHONPATH=hack $(BIN)/python -m bench.serving $(MLSERVER)

bench-steps: setup ## What each step of the pipeline costs before it does anything (2 minutes)
	PYTHONPATH=hack $(BIN)/python -m bench.steps

bench-scale: setup ## A thousand rollouts at once on a real API server: CPU, memory, and how long an abort waits (12 minutes)
	PYTHONPATH=hack $(BIN)/python -m bench.scale

chaos: setup ## Rollouts under load and faults on a local cluster, and docs/reliability.md (SEED=1 SECONDS=3600 ADD=1)
	PYTHONPATH=hack:tests $(BIN)/python -m chaos --seed $(or $(SEED),1) --seconds $(or $(SECONDS),3600) $(if $(ADD),--add) $(if $(TABLE),--table)

demo: setup ## Train, serve, promote and roll back models on a local cluster (KEEP=1 leaves it up)
	@PYTHONPATH=hack $(BIN)/python -m demo $(if $(KEEP),--keep)

cluster-up: setup ## Start a local cluster (NAME=dev; PROMETHEUS=1 and SERVICES=1 for one with more)
	@$(LOCALCLUSTER) up --name $(NAME) $(if $(PROMETHEUS),--prometheus) $(if $(SERVICES),--services)

cluster-down: setup ## Stop it and leave nothing behind
	@$(LOCALCLUSTER) down --name $(NAME)

cluster-status: setup ## Show what runs in it
	@$(LOCALCLUSTER) status --name $(NAME)

requirements: ## Pin the requirements anew, with hashes and without addresses
	UV="$(BIN)/uv pip compile --quiet --no-emit-index-url --no-emit-find-links --generate-hashes --universal --python-version 3.11"
	$$UV --extra dev -o requirements/dev.txt pyproject.toml
	$$UV --extra operator -c requirements/dev.txt -o requirements/operator.txt pyproject.toml
	$$UV --extra cli -c requirements/dev.txt -o requirements/cli.txt pyproject.toml
	$$UV --extra serving -c requirements/dev.txt -o requirements/serving.txt pyproject.toml
	$$UV --extra components --extra pipelines --extra serving -c requirements/dev.txt -o requirements/components.txt pyproject.toml
	{ printf 'mlserver>=1.7\nmlserver-sklearn\n'; grep -oE '^(numpy|scikit-learn)==[0-9.]+' requirements/dev.txt; } | $$UV -o requirements/mlserver.txt -
	echo uv | $$UV -c requirements/dev.txt -o requirements/bootstrap.txt -

pipeline: setup ## Compile the training pipeline to dist/training.yaml
	mkdir -p dist
	$(BIN)/timoneiro training compile --output dist/training.yaml

example-data: setup ## Write the tables of examples that no image may hold (pipelines/examples/credit-risk/credit.csv)
	$(BIN)/python hack/example_data.py

use-cases: example-data ## Run the examples, and write figures and pictures of docs/use-cases (2 minutes)
	PYTHONPATH=hack $(BIN)/python -m use_cases

manifests: setup ## Render manifests/ from the chart
	PYTHONPATH=hack $(BIN)/python -m render_manifests

clean: ## Remove what the targets made (the cache of built tools stays)
	rm -rf $(VENV) .local .mypy_cache .ruff_cache .pytest_cache .hypothesis dist demo-report
