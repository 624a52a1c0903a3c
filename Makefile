# `make demo` and `make test` are all a newcomer needs: both first make .venv and install everything into it.
# The second time they start at once, until setup.cfg, constraints.txt or pyproject.toml changes.

PYTHON ?= python3
VENV := .venv/bin
MAKEFLAGS += --no-print-directory

# What is installed: for running and testing; and further what check and bench need.
INSTALLED := .venv/installed
INSTALLED_DEV := .venv/installed-dev
DESCRIPTION := setup.cfg constraints.txt pyproject.toml

# Two things make even a fresh .venv out of date: this checkout is a copy of the one it was made for, or another
# PYTHON is asked for, on the command line or in the environment.
version = $(shell $(1) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
ifneq ($(wildcard $(INSTALLED)),)
  ifneq ($(shell cat .venv/checkout 2>/dev/null),$(shell pwd))
    STALE := yes
  endif
  ifneq ($(origin PYTHON),file)
    ifneq ($(call version,$(PYTHON)),$(call version,$(VENV)/python))
      STALE := yes
    endif
  endif
endif
ifdef STALE
  .PHONY: $(INSTALLED)
endif

.DEFAULT_GOAL := help
.PHONY: help demo test test-all check bench format clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo 'Another Python: make PYTHON=python3.12 ...   Arguments: make demo ARGS="..."'

demo: $(INSTALLED)  ## run the demonstration
	@$(VENV)/oms demo $(ARGS)

test: $(INSTALLED)  ## run the quick tests
	@$(VENV)/python -m pytest $(ARGS)

test-all: $(INSTALLED)  ## run all tests, the slow ones too
	@$(VENV)/python -m pytest -m "" $(ARGS)

check: $(INSTALLED_DEV)  ## format, lint, types, tests, benchmarks run small: all that must hold before a commit
	$(VENV)/ruff format --check --output-format concise .
	$(VENV)/ruff check .
	$(VENV)/mypy
	$(VENV)/python -m pytest
	$(VENV)/python -m pytest --benchmark-disable bench

bench: $(INSTALLED_DEV)  ## run the full benchmarks
	@$(VENV)/python -m bench $(ARGS)

format: $(INSTALLED_DEV)  ## format the code, and put right what the linter can
	$(VENV)/ruff format .
	$(VENV)/ruff check --fix .

clean:  ## remove .venv and all that tools left; the compiled QuickFIX stays in the user's cache directory
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): $(DESCRIPTION)
	@tools/bootstrap.sh $(PYTHON) post,refdata,test
	@touch $@

$(INSTALLED_DEV): $(INSTALLED)
	@tools/bootstrap.sh $(if $(filter file,$(origin PYTHON)),$(VENV)/python,$(PYTHON)) dev
	@touch $@
