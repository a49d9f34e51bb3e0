# Everything on a machine that has only Python 3.11 or later. Each target makes the set-up that it needs, once.

VENV := .venv
SET_UP := $(VENV)/.set-up
DEVELOPED := $(VENV)/.set-up-dev
.DELETE_ON_ERROR:
.PHONY: run test check docs cluster lock clean
# Bytecode is kept, whatever whoever runs this has set: without it every process compiles 1,500 modules anew.
export PYTHONDONTWRITEBYTECODE :=

# Installs with uv where it is, else with pip.
INSTALL = $$(command -v uv >/dev/null && echo "uv pip install --quiet --python $(VENV)/bin/python" \
	  || echo "$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check")
# A group of packages that are no part of a lock.
install_group = group=$$($(VENV)/bin/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["$(1)"])'); \
	$(INSTALL) $$group

# Serve, with a timeline of events loaded, and say how to try it.
run: $(SET_UP)
	@$(VENV)/bin/incidentlog demo

# One worker more than processors: a quarter of the time they wait for servers, browsers and clocks.
test: $(DEVELOPED)
	@workers=$$($(VENV)/bin/python -c 'import os; print(1 + (os.cpu_count() or 1))'); \
	$(VENV)/bin/pytest --numprocesses "$$workers" --dist loadfile --no-loadscope-reorder --ignore tests/embedded
	@$(VENV)/bin/pytest tests/embedded

check: $(DEVELOPED)
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

# The documentation as a site, in build/docs. A link to a page or heading that is not there fails it.
docs: $(DEVELOPED)
	@$(call install_group,docs)
	@$(VENV)/bin/python -m sphinx --quiet --fail-on-warning --keep-going -b html docs build/docs
	@echo "build/docs/index.html"

# A whole cluster on this machine, to look at and to break (docs/scale.md). It needs etcd-server, haproxy and pgbouncer.
cluster: $(SET_UP)
	@$(call install_group,cluster)
	@$(VENV)/bin/python -m deploy.cluster

# The versions and hashes of all that is installed, for every system and every Python from 3.11 on: of what a service
# runs with, and of what development needs beside that.
COMPILE = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url \
	  --custom-compile-command "make lock"
lock:
	@command -v uv >/dev/null || { echo "make lock needs uv on the PATH" >&2; exit 1; }
	$(COMPILE) --extra xlsx --extra oidc --extra otel --group dev --output-file requirements-dev.lock pyproject.toml
	$(COMPILE) --extra xlsx --extra oidc --extra otel --group build --constraint requirements-dev.lock \
	  --output-file requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(SET_UP): requirements.lock pyproject.toml
	@set -eu; \
	echo "Setting up $(VENV), once ..." >&2; \
	right='import sys; sys.exit(sys.version_info < (3, 11))'; \
	if ! $(VENV)/bin/python -c "$$right" 2>/dev/null; then \
	  python=; \
	  for each in $${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do \
	    if "$$each" -c "$$right" 2>/dev/null; then python=$$each; break; fi; \
	  done; \
	  if [ -z "$$python" ]; then \
	    echo "Python 3.11 or later is needed. Install it, or say where it is: make PYTHON=/path/to/python3" >&2; exit 1; \
	  fi; \
	  if command -v uv >/dev/null; then uv venv --quiet --clear --python "$$python" $(VENV); \
	  elif ! "$$python" -m venv --clear $(VENV) >&2; then \
	    rm -rf $(VENV); \
	    echo "$$python cannot make a virtual environment. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; \
	  fi; \
	fi; \
	if ! command -v uv >/dev/null && ! $(VENV)/bin/python -m pip --version >/dev/null 2>&1; then \
	  echo "$(VENV) has no pip, and uv is not on the PATH: make clean, then again" >&2; exit 1; \
	fi; \
	$(INSTALL) --require-hashes -r requirements.lock; \
	$(INSTALL) --no-deps --no-build-isolation -e .; \
	touch $@

$(DEVELOPED): $(SET_UP) requirements-dev.lock
	@echo "Adding what development needs, once ..." >&2
	@$(INSTALL) --require-hashes -r requirements-dev.lock
	@touch $@
