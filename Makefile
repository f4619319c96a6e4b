# Everything happens in a virtual environment of its own, .venv, which `make clean` removes.

PYTHON ?= python3
ARGS ?=
VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

# An engine's threads that wait for work leave the processor to others: without this, two cores that are busy with
# something else make small models ten times slower. Measurements are left as they are.
demo test test-julia test-knet: export OMP_WAIT_POLICY ?= passive

.DEFAULT_GOAL := help
.PHONY: help demo test test-julia test-knet bench clean

help:
	@echo "make demo    train a small network on handwritten digits (options: make demo ARGS='--epochs 30')"
	@echo "make test    check style and types, and run all tests that this machine can run"
	@echo "make test-julia  what \`make test\` does not run: the unit tests on the Julia backend, and the Julia package's own tests"
	@echo "make test-knet   the same on Knet, in the Julia project that PYPHOTON_KNET_PROJECT names"
	@echo "make bench   measure against other libraries and write benchmarks/RESULTS.md"
	@echo "make clean   remove .venv and everything else that was made"
	@echo "Another Python: make demo PYTHON=python3.12"

demo: $(VENV)/demo.stamp
	@$(RUN) -m pyphoton demo $(ARGS)

test: $(VENV)/dev.stamp
	$(RUN) -m ruff check .
	$(RUN) -m mypy
	$(RUN) -m pytest $(ARGS)

test-julia: $(VENV)/dev.stamp
	$(RUN) -m pyphoton doctor --backend julia
	$(RUN) -m pyphoton.backends.julia.tests
	PYPHOTON_BACKEND=julia $(RUN) -m pytest tests/unit $(ARGS)

test-knet: export PYPHOTON_ENGINE = knet
test-knet: export PYPHOTON_JULIA_PROJECT = $(PYPHOTON_KNET_PROJECT)
test-knet: $(VENV)/dev.stamp
	@test -n "$(PYPHOTON_KNET_PROJECT)" || { echo "PYPHOTON_KNET_PROJECT is empty: set it to the folder of a Julia project with Knet and PythonCall."; exit 1; }
	$(RUN) -m pyphoton doctor --backend julia
	$(RUN) -m pyphoton.backends.julia.tests
	PYPHOTON_BACKEND=julia $(RUN) -m pytest tests/unit -m "not slow" $(ARGS)

bench: $(VENV)/dev.stamp
	$(RUN) -m benchmarks.run --write $(ARGS)

clean:
	rm -rf $(VENV) demo-output build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# On the Julia backend the demo needs juliacall, too.
ifeq ($(PYPHOTON_BACKEND),julia)
demo: $(VENV)/julia.stamp
endif

# A stamp is made when an installation has succeeded; it is made again only when what is to be installed has changed.
$(VENV)/demo.stamp: $(VENV)/made.stamp pyproject.toml constraints.txt
	@echo "installing torch, matplotlib and scikit-learn in $(VENV); this takes a minute or two"
	@$(PIP) '.[demo]'
	@touch $@

$(VENV)/julia.stamp: $(VENV)/made.stamp pyproject.toml constraints.txt
	@$(PIP) '.[julia]'
	@touch $@

$(VENV)/dev.stamp: $(VENV)/made.stamp pyproject.toml constraints.txt
	@echo "installing torch, keras, pytest and other tools in $(VENV); this takes a minute or two"
	@$(PIP) '.[dev]'
	@touch $@

$(VENV)/made.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || { \
		echo "PyPhoton needs Python 3.10 or newer; $(PYTHON) is $$($(PYTHON) --version 2>/dev/null || echo not there)."; \
		echo "Name another one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make virtual environments. On Debian or Ubuntu: sudo apt install python3-venv"; exit 1; }
	@echo "making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@
