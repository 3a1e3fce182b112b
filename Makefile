# Short recipes; each says what it is for. Everything runs in .venv, whatever environment is active.
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
V := .venv/bin
# Compiled once, not at each of the hundreds of starts of a process, whatever the environment says.
export PYTHONDONTWRITEBYTECODE :=
unexport VIRTUAL_ENV

.PHONY: demo test bars lint bench format lock dev system clean

demo: .venv/runtime ## install, migrate, start web + node + worker, send the samples, print READY
	@exec $(V)/python -m clinical_annot.demo

test: dev system ## what must never break, on both databases
	@exec .ci/test

bars: dev system ## the issues' bars in full size: make bars [NAME=...]
	@exec $(V)/python -m bench.bars $(NAME)

lint: dev ## format, lint, types, imports, browser modules
	@exec .ci/lint

bench: dev system ## speed and memory against a named peer: make bench [NAME=...]
	@exec $(V)/python -m bench $(NAME)

format: dev
	@$(V)/ruff format -q . && $(V)/ruff check -q --fix .

lock: ## resolve the dependencies anew (needs uv); only the exported lists are kept
	@uv lock -q --no-cache && uv export -q --no-emit-project --no-header --no-dev -o requirements.lock >/dev/null \
	 && uv export -q --no-emit-project --no-header --no-dev --extra s3 -o requirements-s3.lock >/dev/null \
	 && uv export -q --no-emit-project --no-header --no-dev --extra saml -o requirements-saml.lock >/dev/null \
	 && uv export -q --no-emit-project --no-header -o requirements-dev.lock >/dev/null && rm uv.lock

dev: .venv/develop
system:
	@.ci/system

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	 || { echo "Python 3.11 to 3.13 is needed: set PYTHON=/path/to/python3.11"; exit 2; }
	@$(PYTHON) -m venv .venv || { echo "python3-venv is missing: apt-get install python3-venv"; exit 2; }

.venv/runtime: requirements.lock | .venv/bin/python
	@echo "Installing the Python packages (about a minute) ..."
	@$(V)/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@touch $@

.venv/develop: requirements-dev.lock | .venv/bin/python
	@echo "Installing the Python packages for tests ..."
	@$(V)/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.lock
	@touch $@ .venv/runtime

clean:
	@rm -rf .venv node_modules .mypy_cache .ruff_cache .pytest_cache
