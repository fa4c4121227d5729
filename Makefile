# Two commands matter: `make demo` shows Tandem at work, `make test` proves it.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PBX    ?= simulator
STAMP  := $(VENV)/.installed

.PHONY: help install demo test bench lint clean

help:
	@echo "make demo                 a collaboration call between a caller and an agent, in two browsers"
	@echo "make demo PBX=asterisk    the same on a real Asterisk, unpacked for it"
	@echo "make test                 every test"
	@echo "make bench                the benchmark tables"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Tandem needs Python 3.11 or newer: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "Python has no venv module: install your system's python3-venv package"; exit 1; }

$(STAMP): pyproject.toml .constraints.txt | $(BIN)/python
	@echo "installing Tandem …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c .constraints.txt -e '.[test]'
	@touch $@

install: $(STAMP)

demo: install
	@$(BIN)/tandem-connector demo --pbx $(PBX)

test: install
	@$(BIN)/python -m pytest tests

lint: install
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

bench: install
	@$(BIN)/python -m tests.bench

clean:
	rm -rf $(VENV) .cache collab_server/static/dist collab_server/web/node_modules
