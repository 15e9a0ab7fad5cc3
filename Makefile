# Two commands matter: `make up` and `make test`. The rest is for those who change the project.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Where tests keep what they throw away: in memory where there is such a place, as servers wait for every write that a
# disk has to confirm. In a short folder: the path of a unix socket has a limit, and the workers' own folders are deep.
MEMORY := $(firstword $(wildcard /dev/shm) /tmp)
SCRATCH := at=$$(mktemp -d $(MEMORY)/XXXXX) &&
# Where the surroundings forbid Python to keep its bytecode, every one of some thousand processes compiles all it imports.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help up test down check unit engine rehearsals vault cluster long conformance rehearse changes bench lock clean
help: ## What can be made
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

up: $(INSTALLED) ## Set up this machine and run the local environment
	@$(BIN)/groundwork up local

down: $(INSTALLED) ## Undo `make up`; caches of built programs and images stay
	@$(BIN)/groundwork down --yes

test: unit ## Set up everything and run the tests: unit, engine beside cluster, rehearsals; without the long ones
	@# Both wait more than they work, and neither touches what the other uses: side by side they take half the time.
	@$(MAKE) --no-print-directory --jobs=2 engine cluster
	@$(MAKE) --no-print-directory rehearsals

check: $(INSTALLED) ## Style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --cache-dir $${XDG_CACHE_HOME:-$$HOME/.cache}/groundwork/mypy

unit: $(INSTALLED)
	@$(SCRATCH) $(BIN)/pytest -q -n 2 --dist loadfile --tb=native --basetemp=$$at; \
	  code=$$?; rm -rf $$at; exit $$code

engine: $(INSTALLED)
	$(BIN)/groundwork toolchain build engine simulated tests
	@# Behind the cluster's tests, which run beside them, take longer and wait more.
	@$(SCRATCH) TMPDIR=$(MEMORY) nice -n 10 $(BIN)/pytest -q -m "engine and not vault and not long and not rehearsal" \
	  -n 2 --dist loadfile --no-loadscope-reorder --tb=native --basetemp=$$at; code=$$?; rm -rf $$at; exit $$code

rehearsals: $(INSTALLED)
	$(BIN)/groundwork toolchain build engine simulated tests
	@# With nothing but the other one beside it: behind the cluster's tests one takes half an hour, and half as much
	@# processor time again.
	@$(SCRATCH) TMPDIR=$(MEMORY) $(BIN)/pytest -q -m rehearsal tests/engine -n 2 --tb=native --basetemp=$$at; \
	  code=$$?; rm -rf $$at; exit $$code

vault: $(INSTALLED) ## Hold HashiCorp Vault to what OpenBao is held to; builds it first
	$(BIN)/groundwork toolchain build vault
	$(BIN)/pytest -q -m vault -n 2 --dist loadfile --tb=native

cluster: $(INSTALLED)
	$(BIN)/groundwork up local
	$(BIN)/pytest -q -m "cluster and not long" --tb=native

long: $(INSTALLED) ## Run the tests that `make test` leaves out as they take minutes each, of both tiers
	$(BIN)/groundwork toolchain build engine simulated tests
	$(BIN)/groundwork up local
	$(BIN)/pytest -q -m "long and not vault" --tb=native

conformance: $(INSTALLED) ## Hold a Kubernetes plugin to the recordings (GROUNDWORK_KUBERNETES_PLUGIN names it)
	$(BIN)/groundwork up local
	$(BIN)/pytest -q -m "engine or cluster" tests/conformance

rehearse: $(INSTALLED) ## Apply an environment whole to an emulated account: make rehearse ENVIRONMENT=prod
	@$(BIN)/groundwork rehearse $(ENVIRONMENT)

changes: $(INSTALLED) ## What this checkout changes in each environment, into changes.md: make changes BASE=origin/main
	@$(BIN)/groundwork changes --base $(BASE) --to changes.md

bench: $(INSTALLED) ## Measure the limits that the issues set
	$(BIN)/python -m tests.bench

lock: $(INSTALLED) ## Write the lock files from pyproject.toml and the image's requirements.in
	@# What is locked already stays as it is, unless its line is taken out of the lock file first.
	@set -e; compile() { file=$$1; shift; touch $$file; cp $$file $$file.new; \
	    $(BIN)/uv pip compile -q --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11 \
	      -o $$file.new "$$@"; sed -i '1i # Written by "make lock"; do not edit.' $$file.new; mv $$file.new $$file; }; \
	  compile requirements.lock --extra dev pyproject.toml; \
	  for image in agent-runtime authorizer domains openbao proxy secret-rotator; do \
    compile images/$$image/requirements.lock --constraints requirements.lock images/$$image/requirements.in; done; \
  compile images/openbao-kms/requirements.lock images/openbao-kms/requirements.in

clean: ## Remove what was made in this checkout
	rm -rf $(VENV) *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

# The stamp is written last: an interrupted installation is done again.
$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "Python's venv module is needed: apt-get install python3-venv" >&2; exit 2; }
	@echo "installing Python packages into $(VENV) …"
	@test -x $(BIN)/python && $(BIN)/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	@# uv first, by its own hashes: it installs in a minute what takes pip five.
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > $(VENV)/uv.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r $(VENV)/uv.lock
	@$(BIN)/uv pip install -q --python $(BIN)/python --compile-bytecode --require-hashes -r requirements.lock
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@
