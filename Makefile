# playlake: `make demo` shows what it does, `make test` proves it. Needs Python 3.11+, git and make.

.DEFAULT_GOAL := help
SHELL := /bin/sh
BIN := .venv/bin
# Written last, so that an install that was cut off is done again.
INSTALLED := .venv/.installed
EMULATOR := .venv/emulator/.installed
KCL := .venv/.kcl
PEERS := .venv/peers/.installed
# All but kinesis, which needs Java and Maven Central.
EXTRAS := $(addprefix --extra ,transform catalog aws lambda page local)

.PHONY: help
help: ## What can be made
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

.PHONY: setup
setup: $(INSTALLED) ## Make .venv with playlake and its tools in it, at the locked versions

$(INSTALLED): requirements.lock pyproject.toml
	@for python in python3.13 python3.12 python3.11 python3.14 python3 python; do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then echo 'playlake needs Python 3.11 or newer; install it and run make again.' >&2; exit 1; fi; \
	echo "Setting up .venv with $$($$found --version)"; \
	$$found -m venv --clear .venv || { echo 'Python lacks its venv module; on Debian: apt-get install python3-venv' >&2; exit 1; }
	@# uv installs in seconds what takes pip a minute; pip installs uv, at the hash in the lock.
	@awk '/^uv==/ { found = 1 } found { print } found && !/\\$$/ { exit }' requirements.lock >.venv/uv.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement .venv/uv.lock
	@# Compiled once, here: with PYTHONDONTWRITEBYTECODE set, as in many images, it would be at every start.
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

# AWS's stand-in, apart: what can be imported beside it, the functions that it runs can import too.
$(EMULATOR): emulator.lock $(INSTALLED)
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv/emulator
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python .venv/emulator/bin/python --require-hashes emulator.lock
	@touch $@

# What the benchmarks stand beside.
$(PEERS): benchmarks/peers.lock $(INSTALLED)
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv/peers
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python .venv/peers/bin/python --require-hashes benchmarks/peers.lock
	@touch $@

# The Kinesis Client Library, where there is a Java to run it. Installing it fetches its jars from Maven
# Central; where a mirror lacks the newest, the tests run on the release before, and say so.
$(KCL): kinesis.lock kinesis-before.lock $(INSTALLED)
	@if command -v java >/dev/null; then \
	  for lock in kinesis.lock kinesis-before.lock; do \
	    $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --no-deps --require-hashes --requirement $$lock 2>.venv/kcl.log \
	      && touch $@ && break; \
	    echo "$$(head -1 $$lock | cut -d' ' -f1) cannot be installed here: .venv/kcl.log says why"; \
	  done; \
	fi

# Without npm there is nothing to install, and the tests that need it say so.
node_modules: package-lock.json
	@if command -v npm >/dev/null; then npm ci --silent --no-audit --no-fund && touch $@; fi

.PHONY: demo
demo: setup ## A simulated month, a play in a real browser, and the reports over both
	@$(BIN)/playlake demo

.PHONY: test
test: setup $(EMULATOR) $(KCL) node_modules ## Every test; what this machine lacks is skipped and named (CI=true: a failure)
	@status=0; \
	$(BIN)/python -m pytest -m 'not alone and not idle' --numprocesses auto --no-loadscope-reorder || status=$$?; \
	$(BIN)/python -m pytest -m 'alone or idle' tests/browser tests/test_torture_quick.py --numprocesses auto --no-loadscope-reorder || status=$$?; \
	exit $$status

.PHONY: torture
torture: setup ## Every fault that docs/reliability.md lists, caused as often as it says; writes its table
	@$(BIN)/python -m tests.torture

.PHONY: torture-quick
torture-quick: setup ## A tenth of it, in minutes; writes nothing
	@$(BIN)/python -m tests.torture --quick

.PHONY: advisories
advisories: setup node_modules ## Whether a locked dependency has a known vulnerability (asks osv.dev, npm)
	@for lock in requirements.lock emulator.lock kinesis.lock benchmarks/peers.lock; do \
	  $(BIN)/pip-audit --vulnerability-service osv --require-hashes --disable-pip --requirement $$lock || exit 1; \
	done
	@npm audit --omit=dev

.PHONY: test-aws
test-aws: setup $(EMULATOR) node_modules ## The life of a deployment, from deploy to remove, on an emulated AWS
	@$(BIN)/python -m pytest tests/aws

.PHONY: check
check: setup ## Lint, format, strict types, import rules, generated files
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m deploy.generate --check
	$(BIN)/python webapp/tracker/make.py --check
	$(BIN)/python -m benchmarks.costs --check

ARCH := arm64
.PHONY: zips
zips: setup ## The Lambda packages, into build/zips; ARCH=x86_64, or host: this machine and its Python
	@$(BIN)/python -m deploy.zips --arch $(ARCH)

.PHONY: smoke-aws
smoke-aws: setup node_modules ## The same life on a real account, at its cost: IDENTIFIER=x, and x2 beside it
	@test -n "$(IDENTIFIER)" || { echo 'Name two stacks that do not exist yet: make smoke-aws IDENTIFIER=smoke' >&2; exit 2; }
	@PLAYLAKE_SMOKE_IDENTIFIER="$(IDENTIFIER)" $(BIN)/python -m pytest tests/aws/test_lifecycle.py

.PHONY: bench
bench: setup $(PEERS) $(KCL) ## The benchmarks, each beside its yardstick: docs/benchmarks.md tells
	@$(BIN)/python -m benchmarks

.PHONY: format
format: setup ## Format the code, mend what the linter can
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

.PHONY: lock
lock: setup ## Lock the newest versions that pyproject.toml allows; hashes, and no host's name
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes $(EXTRAS) \
	  --group dev --no-emit-index-url --no-annotate --custom-compile-command 'make lock' \
	  pyproject.toml --output-file requirements.lock
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	  --group emulator --no-emit-index-url --no-annotate --custom-compile-command 'make lock' \
	  --output-file emulator.lock
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	  --group peers --no-emit-index-url --no-annotate --custom-compile-command 'make lock' \
	  --output-file benchmarks/peers.lock
	echo 'amazon_kclpy>=3.2' | $(BIN)/uv pip compile --quiet --upgrade --no-deps --generate-hashes --no-header \
	  --no-emit-index-url --no-annotate --output-file kinesis.lock -

.PHONY: clean
clean: ## Remove what make made
	rm -rf .venv node_modules .serverless demo-data build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
