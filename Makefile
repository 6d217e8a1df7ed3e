# Études in Learning to Learn
#
#   make book      the rendered book: executes what changed, builds _build/html
#   make test      unit tests, chapter tests, page tests
#   make lab       JupyterLab, in the chapters
#   make results   the ledger, remade by the commands that its rows name (hours)
#   make text      the chapters as MyST Markdown under text/, kept in step both ways
#   make tidy      takes outputs and execution counts out of the chapters
#   make address URL=https://github.com/me/etudes
#                  another public address, written to every place that names it
#   make lock      requirements.lock, from what is installed in .venv
#   make lint      ruff and mypy
#   make clean     removes what was built (make distclean: the environment too)
#
# Everything that needs an environment makes it first: .venv, from requirements.lock.
#   TORCH=cpu      take PyTorch without CUDA, from PyTorch's own index (Linux without a GPU)
#   PYTHON=...     the Python (3.11 to 3.13) to make the environment with
#   ARGS=...       more arguments for pytest, as in: make test ARGS="-k episodes"

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.etudes-installed
TORCH_INDEX_cpu := https://download.pytorch.org/whl/cpu

help:  ## say what there is
	@sed -n '3,20s/^# \{0,1\}//p' Makefile

env: $(STAMP)  ## make or update the environment

$(STAMP): requirements.lock pyproject.toml
	@set -e; \
	if [ -n "$(TORCH)" ] && [ -z "$(TORCH_INDEX_$(TORCH))" ]; then \
	  echo "TORCH=$(TORCH) is not known; TORCH=cpu is."; exit 1; fi; \
	if [ -e $(BIN)/python ] && ! $(BIN)/python -c '' 2>/dev/null; then \
	  echo "$(VENV) does not work any more (was it moved?): making it anew"; rm -rf $(VENV); fi; \
	quiet=""; if [ -e $@ ]; then quiet=--quiet; fi; \
	if [ ! -e $(BIN)/python ]; then \
	  python=""; \
	  for name in $(or $(PYTHON),python3.11 python3.12 python3.13 python3 python); do \
	    if $$name -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	      >/dev/null 2>&1; then python=$$name; break; fi; \
	  done; \
	  if [ -z "$$python" ]; then \
	    echo "No Python 3.11, 3.12 or 3.13 found: install one, or name it: make PYTHON=/path/to/python"; \
	    exit 1; fi; \
	  echo "Making the environment $(VENV) with $$($$python --version)"; \
	  $$python -m venv $(VENV) || { rm -rf $(VENV); \
	    echo "On Debian and Ubuntu this needs the package python3-venv."; exit 1; }; \
	fi; \
	if [ -n "$$quiet" ]; then echo "Bringing $(VENV) up to date with requirements.lock"; \
	else echo "Installing the versions in requirements.lock: some minutes, about 4 GB"; fi; \
	if [ -n "$(TORCH)" ]; then \
	  torch=$$(grep '^torch==' requirements.lock); \
	  $(BIN)/python -m pip install $$quiet --extra-index-url "$(TORCH_INDEX_$(TORCH))" "$$torch"; \
	fi; \
	$(BIN)/python -m pip install $$quiet -r requirements.lock || { \
	  echo "Once more, in case the network was to blame"; \
	  $(BIN)/python -m pip install $$quiet -r requirements.lock; }; \
	echo "Installing etudes from this folder"; \
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .; \
	touch $@

book: $(STAMP)  ## execute what changed, build the pages with warnings as errors
	@$(BIN)/python book/build.py

test: $(STAMP)  ## unit tests, chapter tests, page tests
	@echo "Testing: the package, then the chapters, then the pages"
	@$(BIN)/python -m pytest $(ARGS)

lab: $(STAMP)  ## open JupyterLab in the chapters
	@echo "Opening JupyterLab; stop it with Ctrl-C"
	@$(BIN)/jupyter lab --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/chapters

results: $(STAMP)  ## run the commands named in the ledger again
	@$(BIN)/python tools/results.py $(ARGS)

text: $(STAMP)  ## write or read the Markdown mirror, whichever is newer
	@echo "Keeping chapters/*.ipynb and text/*.md in step"
	@$(BIN)/jupytext --sync chapters/*.ipynb
	@$(BIN)/python tools/tidy.py

tidy: $(STAMP)  ## take what running leaves behind out of the chapters
	@$(BIN)/python tools/tidy.py

address: $(STAMP)  ## make address URL=https://github.com/me/etudes
	@$(BIN)/python tools/address.py "$(URL)"

lock: $(STAMP)  ## write requirements.lock from what is installed
	@$(BIN)/python tools/lock.py

lint: $(STAMP)  ## ruff and mypy
	@status=0; $(BIN)/ruff check . || status=1; $(BIN)/mypy || status=1; exit $$status

clean:  ## remove what was built
	@echo "Removing _build and the caches of the tools"
	@rm -rf _build .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	@find src tests book tools benchmarks -name __pycache__ -prune -exec rm -rf {} +

distclean: clean  ## remove the environment too
	@echo "Removing $(VENV)"
	@rm -rf $(VENV)

.PHONY: help env book test lab results text tidy address lock lint clean distclean
