# The commands of this project; `make` alone lists them.

VENV ?= .venv
PORT ?= 8080
MPM ?= event
RECALL ?= on
ROWS ?=
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
PY = $(VENV)/bin/python
SERVER = $(PY) -m mpmserver -d "$(CURDIR)" -f conf/httpd.conf -C 'Define SRVROOT "$(CURDIR)"' \
	-C 'Define PORT $(PORT)' -C 'Define MPM $(MPM)'

.DEFAULT_GOAL := help
.PHONY: help start stop restart graceful test bench bench-quick check style types layers differential docs clean

help: ## List the commands.
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  make start MPM=reactor PORT=8081    chooses who waits for the clients (prefork, worker, event,"
	@echo "                                      reactor) and where they call"

start: $(VENV)/.core ## Set up, start the server on conf/httpd.conf, print its address.
	@$(PY) tools/start.py --port "$(PORT)" --mpm "$(MPM)"

stop: $(VENV)/.core ## Stop it.
	@$(SERVER) -k stop

restart: $(VENV)/.core ## Stop serving, read the configuration, serve again.
	@$(SERVER) -k restart

graceful: $(VENV)/.core ## Read the configuration again; no request is refused or cut.
	@$(SERVER) -k graceful

test: $(VENV)/.test ## Set up and run every test (PYTEST_ARGS="-k listing" to choose; RECALL=off).
	MPMSERVER_TEST_RECALL=$(RECALL) $(PY) -m pytest -n $(JOBS) $(PYTEST_ARGS)

bench: $(VENV)/.bench ## Measure beside Apache, nginx and others; fill docs/performance.md (ROWS=1,5).
	$(PY) -m bench --rows "$(ROWS)"

bench-quick: $(VENV)/.bench ## ... in a few minutes: one round, the first cases of each row.
	$(PY) -m bench --quick --rows "$(ROWS)"

check: style types layers ## Style, types and layers: ruff, mypy --strict, import-linter.

style: $(VENV)/.dev ## ... ruff alone.
	$(PY) -m ruff check .

types: $(VENV)/.dev ## ... mypy alone.
	$(PY) -m mypy

layers: $(VENV)/.dev ## ... import-linter alone.
	$(VENV)/bin/lint-imports

differential: $(VENV)/.test ## Compare with Apache httpd, request by request.
	$(PY) -m tests.differential --recalled

docs: $(VENV)/.core ## Write docs/directives.md again from the registry of directives.
	$(PY) docs/generate.py

clean: ## Remove what the other commands made (not the logs).
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

# One environment; each of these says how much of it is installed.
$(VENV)/.core: pyproject.toml
	@MAKE_GOAL="$(MAKECMDGOALS)" tools/venv "$(VENV)" ""
	@touch $@

$(VENV)/.test: pyproject.toml
	@MAKE_GOAL="$(MAKECMDGOALS)" tools/venv "$(VENV)" auth,test
	@touch $@ $(VENV)/.core

$(VENV)/.bench: pyproject.toml tools/bench-programs
	@tools/bench-programs
	@MAKE_GOAL="$(MAKECMDGOALS)" tools/venv "$(VENV)" bench
	@touch $@ $(VENV)/.core

$(VENV)/.dev: pyproject.toml
	@MAKE_GOAL="$(MAKECMDGOALS)" tools/venv "$(VENV)" auth,test,dev
	@touch $@ $(VENV)/.core $(VENV)/.test
