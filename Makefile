# Two commands matter: `make demo` shows Tandem at work, `make test` proves it.
PYTHON ?= python3
PBX    ?= simulator
VENV   := .venv
BIN    := $(VENV)/bin
# The constraint holds for the build's own environment too.
PIP    := PIP_CONSTRAINT=.constraints.txt $(BIN)/python -m pip install -qq --disable-pip-version-check
# What only tests need from the system: a browser. SIPp and Asterisk are unpacked by the lab.
CHROMIUM := $(or $(wildcard /usr/bin/chromium),$(VENV)/.chromium)

.PHONY: help install demo test bench lint clean

help:
	@echo "make demo                 a collaboration call between a caller and an agent, in two browsers"
	@echo "make demo PBX=asterisk    the same on a real Asterisk, unpacked for it"
	@echo "make demo PBX=freeswitch-sim    on a simulated FreeSWITCH"
	@echo "make demo PBX=both        one server, a simulated Asterisk and FreeSWITCH, a call on each"
	@echo "make test                 every test"
	@echo "make bench                the benchmark tables"
	@echo "make lint                 style and types"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Tandem needs Python 3.11 or newer; name one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "Python lacks its venv module: apt-get install python3-venv"; exit 1; }

# The web pages are built by the installation, so a change of theirs asks for another one.
WEB := $(wildcard $(addprefix collab_server/web/,*.json *.html *.ts build*.py src/*.* src/*/*))

$(VENV)/.installed: pyproject.toml .constraints.txt $(WEB) | $(BIN)/python
	@echo "installing Tandem (once) …"
	@$(PIP) -e .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	@echo "installing what the tests need (once) …"
	@$(PIP) -e '.[test]'
	@touch $@

$(VENV)/.chromium:
	@echo "installing Chromium for the browser tests (once) …"
	@{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y chromium; } >$(VENV)/chromium.log 2>&1 \
		|| { tail -3 $(VENV)/chromium.log; echo "the browser tests need Chromium: apt-get install chromium (as root)"; exit 1; }
	@touch $@

install: $(VENV)/.installed

demo: install
	@$(BIN)/tandem-connector demo --pbx $(PBX)

test: $(VENV)/.installed-test $(CHROMIUM)
	@$(BIN)/python -m pytest -n 2 --dist loadgroup tests

bench: $(VENV)/.installed-test
	@$(BIN)/python -m tests.bench

lint: $(VENV)/.installed-test
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

clean:
	rm -rf $(VENV) .cache collab_server/static/dist collab_server/web/node_modules
