# Two commands do everything: `make run` and `make test`. Both set up first, once.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ARGS ?= benchmark=stemdl nodes=2
PYTEST_ARGS ?=
FUZZ_ARGS ?=
MUTATION_ARGS ?= --one-verb
SPEED_ARGS ?=
COVERAGE ?=
# Anything but nothing: tests that repeat with another communicator, data set or method what was shown, too.
THOROUGH ?=

# What compares times runs alone, then the rest side by side. Exit code 5: there was nothing to run.
PYTEST := -m pytest --durations=20 $(if $(THOROUGH),,--quick) $(PYTEST_ARGS)
define TESTS
missed=0; \
$(BIN)/python $(PYTEST) --measures=only || test $$? = 5 || missed=1; \
$(BIN)/python $(COVERAGE) $(PYTEST) --measures=not --numprocesses=auto --dist=loadscope --no-loadscope-reorder \
	|| test $$? = 5 || missed=1; \
exit $$missed
endef

# Where it is set, every command and every rank compiles all modules again: a third of what starting costs.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test setup lint benchmark speed fuzz docs clean

run: $(READY)
	$(BIN)/python -m orchestrator $(ARGS)

test: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@$(TESTS)

benchmark: $(READY)
	@missed=; for script in $(filter-out tests/benchmarks/speed.py,$(wildcard tests/benchmarks/*.py)); do \
		echo "$$script"; $(BIN)/python $$script || missed="$$missed $$script"; done; \
	test -z "$$missed" || { echo "missed their limit, or cannot run here:$$missed"; exit 1; }

# The table of workloads/SPEED.md: make speed SPEED_ARGS="--only ranks- --minutes 20"; without it all that can be measured here.
speed: $(READY)
	$(BIN)/python tests/benchmarks/speed.py $(SPEED_ARGS)

# The documentation as a site that opens from disk: build/site/index.html.
docs: $(READY)
	@$(BIN)/python -m pip install --quiet -c constraints.txt mkdocs
	$(BIN)/python docs/build.py

# Hostile values for every key of the schema, for long: make fuzz FUZZ_ARGS="--inputs 100000 --suites 3000 --seed 7"
# Then damaged and hostile files before every verb that reads them: MUTATION_ARGS="--share 0.1 --one-verb --seed 7"
fuzz: $(READY)
	PYTHONPATH=.:tests $(BIN)/python tests/fuzzing.py $(FUZZ_ARGS)
	PYTHONPATH=.:tests $(BIN)/python tests/mutations.py $(MUTATION_ARGS)

lint: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/mypy

# Completes the environment again, for instance to retry a Horovod that could not be built.
setup:
	rm -f $(READY)
	$(MAKE) $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "Python 3.10 or later is needed; say which with make PYTHON=/path/to/python3"; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@echo "installing Python packages into $(VENV)"
	@$(BIN)/python -m pip install --quiet --upgrade -c constraints.txt pip setuptools wheel
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet -c constraints.txt --no-build-isolation --editable '.[test]' cmake
	@$(BIN)/python -m orchestrator setup
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info
