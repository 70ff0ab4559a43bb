# `make demo` and `make test` need python3 (3.11 or newer), make and a package index; all else is
# installed into .venv. PYTHON chooses another interpreter: make test PYTHON=python3.12

PYTHON ?= python3
BIN := .venv/bin
STORE := demo-output/store.db
# Tests wait for the disk thousands of times; in memory they do not have to.
# Each folder whole but for what starts many processes; less than two minutes on two cores.
# Properties are tried on few examples.
SHORT_TESTS := tests/lifecycle tests/planning tests/merging tests/codec tests/engine tests/results \
	tests/stores/test_contract.py tests/stores/test_closing.py tests/api/test_run.py \
	tests/api/test_resume.py tests/cli/test_commands.py tests/cli/test_text.py \
	tests/cli/test_bad_input.py tests/cli/test_showing.py tests/cli/test_circuit_reading.py \
	--ignore=tests/codec/test_sandbox.py --ignore=tests/codec/test_openqasm_sandbox.py \
	--deselect=tests/codec/test_identity.py::test_the_same_script_gives_the_same_hashes_in_every_process \
	--deselect=tests/engine/test_two_at_once.py::test_three_processes_that_start_one_script_run_each_job_once
FAST_TMP := $(shell test -w /dev/shm && echo /dev/shm || echo /tmp)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-short short-tests test-lowest mutants providers check docs format bench soak soak-meetings clean

help:
	@echo "make demo    run 227 benchmark circuits on the Aer simulator and show the results"
	@echo "make test    check and test everything, as the continuous integration does"
	@echo "make test-short  what a change is tried with at once: the core, the codec, the command line"
	@echo "make test-lowest  the short suite and the command line on the lowest versions allowed"
	@echo "make check   only the static part: style, types, layers"
	@echo "make mutants break the core a little at a time and see what its tests notice; MUTANTS=planning"
	@echo "make docs    build the documentation site in docs/_build/html"
	@echo "make providers  try the packages of other people, each in an environment of its own; PROVIDERS='aqt qdd'"
	@echo "make format  rewrite the code in the project's format"
	@echo "make bench   measure speed and size, side by side with plain Aer"
	@echo "make soak    kill, stop and damage at length; SOAK='--minutes 30' and the like say how much"
	@echo "make soak-meetings  one script started twice, drivers that stand still, a database that goes away"
	@echo "make clean   remove all that these made"

demo: export QISKIT_JOB_MANAGER_STORE := $(STORE)
demo: .venv/demo.installed
	@rm -rf $(dir $(STORE)) && mkdir $(dir $(STORE))
	$(BIN)/qjm run examples/circuits --backend aer --shots 1024 --name demo --max-experiments-per-job 10
	$(BIN)/qjm show demo
	$(BIN)/qjm results demo ghz_5
	$(BIN)/python examples/read_again.py demo ghz_5

# Tests start hundreds of processes, which are not to compile everything anew.
test: export PYTHONDONTWRITEBYTECODE =
test: check
	TMPDIR=$(FAST_TMP) scripts/with-chromium scripts/with-postgres scripts/with-slurm $(BIN)/pytest -q -n 3 --dist worksteal

test-short: export PYTHONDONTWRITEBYTECODE =
test-short: export HYPOTHESIS_PROFILE = few
test-short: .venv/dev.installed
	TMPDIR=$(FAST_TMP) $(BIN)/pytest -q -n 2 --dist worksteal $(SHORT_TESTS)

# For scripts that run them elsewhere.
short-tests:
	@echo $(SHORT_TESTS)

test-lowest:
	TMPDIR=$(FAST_TMP) PYTHON=$(PYTHON) scripts/test-lowest

mutants: .venv/dev.installed .venv/mutants.installed
	TMPDIR=$(FAST_TMP) nice $(BIN)/python scripts/mutants $(MUTANTS)

# Each package is installed into .providers once; what was found goes into docs/providers.md.
providers: .venv/dev.installed
	$(BIN)/python tests/providers/run.py $(PROVIDERS)

check: .venv/dev.installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/mypy --platform darwin
	$(BIN)/lint-imports

docs: .venv/dev.installed
	$(BIN)/sphinx-build -W --keep-going -q docs docs/_build/html
	@echo "The site is in docs/_build/html/index.html."

format: .venv/dev.installed
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: .venv/dev.installed
	$(BIN)/python benchmarks/run.py

soak: .venv/dev.installed
	scripts/with-postgres $(BIN)/python soak/run.py $(SOAK)

soak-meetings: .venv/dev.installed
	scripts/with-postgres $(BIN)/python soak/meetings.py $(SOAK)

clean:
	rm -rf docs/_build .venv .venv-lowest .providers .mutants demo-output build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A newer list of packages, or a change of what the project says of itself, installs again.
.venv/%.installed: requirements/%.txt pyproject.toml | .venv/bin/python
	@echo "Installing the packages of $< into .venv; the first time takes a minute or two."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $<
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed; $(PYTHON) is not. Name one that is: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { \
		echo "$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv" >&2; \
		rm -rf .venv; exit 1; }
