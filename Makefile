# On a fresh machine with Python 3.10 or later, two commands do all there is to do:
#   make demo                     sets up .venv, captions real photographs, searches them (PHOTOS=~/Pictures: your own)
#   make test                     sets up .venv, runs the tests
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PHOTOS ?=
METADATA ?=
SECONDS ?= 3600
SEED ?= $(shell date +%F)
TARGET ?= photo

.PHONY: demo test test-slow test-lowest fuzz fuzz-guided lint docs clean

demo: $(VENV)/demo
	@$(BIN)/python examples/demo.py $(if $(PHOTOS),--photos "$(PHOTOS)") $(if $(METADATA),--metadata $(METADATA))

test: $(VENV)/dev
	$(BIN)/pytest -m "not slow"

test-slow: $(VENV)/dev
	$(BIN)/pytest -m slow

# With the oldest versions that pyproject.toml admits: make test-lowest PYTHON=python3.10
test-lowest:
	$(PYTHON) -m venv $(VENV)-lowest
	$(VENV)-lowest/bin/pip install --quiet --disable-pip-version-check -r tests/lowest.txt -e ".[test]"
	$(VENV)-lowest/bin/pytest -m "not slow"

# An hour of processor time, other inputs every day; what is found lies in fuzz-findings: make fuzz SECONDS=120 SEED=7
fuzz: $(VENV)/dev
	PYTHONPATH=.:tests:examples $(BIN)/python -m fuzz.harness --seconds $(SECONDS) --seed $(SEED)

# The same by atheris (Linux), guided by the code that an input reaches; inputs are kept: make fuzz-guided TARGET=sidecar
fuzz-guided: $(VENV)/dev
	$(BIN)/pip install --quiet --disable-pip-version-check atheris
	mkdir -p fuzz-findings
	PYTHONPATH=.:tests:examples $(BIN)/python -m fuzz.with_atheris $(TARGET) fuzz-corpus/$(TARGET) \
	  -max_total_time=$(SECONDS) -artifact_prefix=fuzz-findings/

lint: $(VENV)/dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/mypy --config-file tests/mypy.ini
	$(BIN)/codespell
	$(BIN)/cog --check docs/*.md
	$(BIN)/mkdocs build --strict --quiet

# Parts of the documentation are generated from the code.
docs: $(VENV)/dev
	$(BIN)/cog -r docs/*.md
	PYTHONPATH=examples $(BIN)/python docs/readme_picture.py
	PYTHONPATH=examples $(BIN)/python docs/screenshots.py

clean:
	rm -rf $(VENV) $(VENV)-lowest demo build dist

# The stamps are named after what was installed, so that a change of pyproject.toml installs again.
$(VENV)/demo $(VENV)/dev: $(VENV)/%: pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check -e ".[$*]"
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 10) or sys.exit("photocap needs Python 3.10 or later; this is " \
	  + sys.version.split()[0] + ". Name another one: make PYTHON=python3.12 demo")'
	$(PYTHON) -m venv $(VENV)
