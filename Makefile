# Every target works on a fresh machine with Python 3.11 or newer: what it needs is installed into .venv first.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed

.PHONY: demo test long quick lint golden fuzz plain usage train-demo zoo drawings imports browser editor site judges faults mutants steps flax dist lowest clean

demo: $(INSTALLED)
	$(BIN)/archspec verify resnet18

test: lint
	$(BIN)/pytest -m "not long and not browser" --numprocesses 2 --dist loadgroup

# What `make test` leaves out: deep networks in all frameworks, and more random specs
long: $(INSTALLED)
	$(BIN)/pytest -m long --numprocesses 2 --dist loadgroup

# Bytecode is kept in .venv, also by those who want none beside the sources: to compile all of it anew, in each process
# that a test starts, takes a fifth of the time.
quick: $(INSTALLED)
	PYTHONDONTWRITEBYTECODE= PYTHONPYCACHEPREFIX=$(CURDIR)/.venv/bytecode \
		$(BIN)/pytest -m "not frameworks and not slow and not long and not browser" --numprocesses 2 --dist loadgroup

lint: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# Every network of the zoo that is not larger than 2 GiB, built and run as people do it
plain: $(INSTALLED)
	$(BIN)/python benchmarks/plain.py

# One network of each family exported, compiled, saved, trained and run with few bits, and mypy on files for PyTorch
usage: $(INSTALLED)
	$(BIN)/python -m tests.usage

# Two networks trained on real digits in all frameworks, killed and resumed, with the curves in docs/training.svg
train-demo: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --editable '.[demo]' --constraint constraints.txt
	$(BIN)/python benchmarks/train_demo.py

# Reports and drawings in Chromium, which must be there (or in CHROMIUM), or is fetched: .venv/bin/playwright install chromium
browser: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --editable '.[browser]' --constraint constraints.txt
	$(BIN)/pytest -m browser

# Specs in the language server that editors use for YAML, which npm installs into .editor
editor: $(INSTALLED)
	npm install --silent --no-fund --no-audit --prefix .editor yaml-language-server@2.0.0
	$(BIN)/python -m tests.editor .editor/node_modules/.bin/yaml-language-server

# The site, in .site/html: docs/, a page for each operation and each classic, and the API, with all links checked
site: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --editable '.[docs]' --constraint constraints.txt
	$(BIN)/python -m website

zoo: $(INSTALLED)
	$(BIN)/python benchmarks/zoo.py

# The drawings in docs/drawings
drawings: $(INSTALLED)
	$(BIN)/python benchmarks/drawings.py

# Models of torchvision as specs, and files of ONNX: docs/imports.md, docs/onnx_imports.md
imports: $(INSTALLED)
	$(BIN)/python benchmarks/imports.py
	$(BIN)/python benchmarks/onnx_imports.py

judges: $(INSTALLED)
	$(BIN)/python -m tests.judges

# Faults put into generated code, one at a time, which verification must find, in every mode
faults: $(INSTALLED)
	$(BIN)/python -m tests.faults

# Faults put into the reference, one at a time, which its judges must find
mutants: $(INSTALLED)
	$(BIN)/python -m tests.operation_judges.mutants

golden: $(INSTALLED)
	$(BIN)/pytest -m golden --update-golden

# Random specs in all frameworks: make fuzz N=500 SEED=1000. Without any, on stand-ins: make fuzz N=2000 HOW=--standins;
# with names that generated code itself uses: make fuzz N=8000 HOW=--names
N ?= 100
SEED ?= 0
HOW ?=

fuzz: $(INSTALLED)
	$(BIN)/python -m tests.fuzz $(N) --seed $(SEED) $(HOW)

# Random steps of every operation before its judge: make steps N=300 SEED=1000
steps: $(INSTALLED)
	$(BIN)/python -m tests.operation_judges.fuzz $(N) --seed $(SEED)

# Both distributions, in dist/: built twice, installed into empty environments, and run there
dist: $(INSTALLED)
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2>/dev/null || echo 315532800) $(BIN)/python -m tests.distribution

# The oldest versions that pyproject.toml allows, in an environment of their own, by those tests that need nothing else, and two frameworks.
# PyTorch is left out: its older versions come with gigabytes of CUDA.
LOWEST := .lowest/bin
SAMPLE := golden language summary weight_files yaml
lowest:
	test -x $(LOWEST)/python || $(PYTHON) -m venv .lowest
	$(LOWEST)/python -m pip install --quiet uv
	$(LOWEST)/uv pip install --quiet --python $(LOWEST)/python --resolution lowest-direct --reinstall-package archspec-nn \
		'.[images,keras,paddle,weights]' 'setuptools>=77'
	$(LOWEST)/uv pip install --quiet --python $(LOWEST)/python --constraint constraints.txt hypothesis pytest pytest-xdist
	$(LOWEST)/pytest -q -m "not frameworks and not slow and not long and not browser" $(SAMPLE:%=tests/test_%.py)
	$(LOWEST)/archspec verify lenet5 --gradients --to keras --to paddle

# The backend of examples/backend_flax, in an environment of its own, which has no other framework
FLAX := examples/backend_flax
flax: $(FLAX)/.venv/installed
	$(FLAX)/.venv/bin/python -m pytest $(FLAX)/tests

$(FLAX)/.venv/installed: pyproject.toml $(FLAX)/pyproject.toml
	test -x $(FLAX)/.venv/bin/python || $(PYTHON) -m venv $(FLAX)/.venv
	$(FLAX)/.venv/bin/python -m pip install --quiet --editable . --editable './$(FLAX)[flax]' pytest
	@touch $@

clean:
	rm -rf .venv .lowest .editor .site $(FLAX)/.venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'archspec needs Python 3.11 or newer: make PYTHON=python3.12 ...' >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[all,dev]' --constraint constraints.txt
	@touch $@
