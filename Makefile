# Two commands matter: `make run` (build everything, then serve) and `make test` (the whole gate).
.DEFAULT_GOAL := help
.PHONY: help setup run test graph format lock clean

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
UV     := uv>=0.9,<1
LOCKED := --no-deps --require-hashes -r requirements.lock
SCALE  ?= small
FROM   ?= 2018-04
TO     ?= 2020-10
SERVE  ?= 1

export DAGSTER_HOME ?= $(CURDIR)/data/dagster
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help:  ## show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v < (3, 14) else f"Python 3.11 to 3.13 is needed, {sys.executable} is {v[0]}.{v[1]}: call make PYTHON=/path/to/python3")'
	@echo "Setting up $(VENV) (once; a minute or so) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet '$(UV)' && $(BIN)/uv pip install --quiet --python $(BIN)/python $(LOCKED) \
		|| { echo "Not with uv; trying pip, which takes longer ..."; $(BIN)/pip install --quiet $(LOCKED); }
	@$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

setup: $(STAMP)  ## virtual environment with the locked packages

run: $(STAMP)  ## build everything on synthetic data, survey quarters FROM to TO, publish a release, serve the UI (SERVE=0: don't)
	@$(BIN)/lmi run --all --scale $(SCALE) $(if $(FROM),--from $(FROM)) $(if $(TO),--to $(TO))
	@if [ "$(SERVE)" != "0" ]; then $(BIN)/lmi serve; fi

test: $(STAMP)  ## the whole gate: format, lint, layers, types, tests (they build the whole graph from nothing), definitions
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/pytest -q -n 2 --dist loadgroup --no-loadscope-reorder
	LMI_DATA=$(CURDIR)/$(VENV)/gate/data DAGSTER_HOME= $(BIN)/dagster definitions validate -w workspace.yaml

graph: $(STAMP)  ## definitions load, and every asset built from an empty directory, on small data and few quarters
	@rm -rf $(VENV)/gate && mkdir -p $(VENV)/gate/dagster && cp deploy/dagster.yaml $(VENV)/gate/dagster/
	LMI_DATA=$(CURDIR)/$(VENV)/gate/data DAGSTER_HOME=$(CURDIR)/$(VENV)/gate/dagster $(BIN)/dagster definitions validate -w workspace.yaml
	LMI_DATA=$(CURDIR)/$(VENV)/gate/data DAGSTER_HOME=$(CURDIR)/$(VENV)/gate/dagster $(BIN)/lmi run --all --scale small --from 2018-04 --to 2020-04
	LMI_DATA=$(CURDIR)/$(VENV)/gate/data $(BIN)/lmi release verify

format: $(STAMP)  ## put the code in the house format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: $(STAMP)  ## resolve the dependencies anew into requirements.lock
	@$(BIN)/pip install --quiet '$(UV)'
	@$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --no-emit-index-url --generate-hashes --quiet --custom-compile-command "make lock" -o requirements.lock

clean:  ## remove everything made at run time (not the virtual environment)
	rm -rf data/landing data/vault data/lake data/releases data/reports data/dagster data/synthetic
