# Needs Python 3.11 or newer, git and make, nothing else. Run `make` to see what there is.

PYTHON ?= python3
UV := .uv/bin/uv

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test test-more soak test-spark parity lint audit sbom docs lock bench web web-check screenshots clean compiled rebuild

help: ## Show this list
	@echo "make <target>:"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' Makefile
	@echo "The first one sets up .venv/. To use another Python: make clean, then make PYTHON=python3.12 <target>."

# Two at a time: a run of ours is mostly one core's planning. A file's tests share what they set up.
PYTEST := .venv/bin/pytest -n 2 --dist loadfile

demo: compiled ## Run the shop's sample batches and show what came out
	.venv/bin/ecomm demo

test: compiled ## Run the tests that every change must pass
	$(PYTEST) -m "not long and not spark and not soak"

test-more: compiled ## Run the long tests
	$(PYTEST) -m "long and not alone and not spark and not soak"
	.venv/bin/pytest -m alone --at-least 1

soak: compiled ## Look long for what is rare (hours): random pasts of many steps, mistakes put in on purpose
	$(PYTEST) --dist worksteal -m "soak or past" --steps 30 --pasts 200

# One session, one server: its JVM takes longer to get warm than most tests take. Fewer tests than this are a failure.
ON_SPARK = .venv/bin/ecomm engine install spark && .venv/bin/pytest --engine spark
SPARK_TESTS := 700

test-spark: compiled ## Install Apache Spark into a folder of its own, and run the tests of every engine on it
	$(ON_SPARK) -m "every_engine or (spark and not parity)" --at-least $(SPARK_TESTS)

parity: compiled ## Run all that must be equal on Apache Spark too: hours
	$(ON_SPARK) -m "every_engine or spark or parity"

# mypy is told what is there, for it refuses a folder without Python files.
CHECKED = $(sort $(foreach folder,src tests data benchmarks requirements,$(if $(shell find $(folder) -name '*.py' 2>/dev/null),$(folder))))

lint: .venv/.ready ## Check style, types, who imports whom, workflows; look for secrets
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy $(CHECKED)
	.venv/bin/lint-imports --no-logo
	.venv/bin/zizmor --offline --quiet --persona pedantic .
	.venv/bin/python -m tests.secrets

# A package of which nothing can be asked is a failure too (--strict). The locks, with what a page is built with: npm's.
audit: .venv/.ready ## Ask the registries for known vulnerabilities of what is locked (needs npm)
	@for lock in requirements/dev.txt requirements/build.txt requirements/uv.txt src/ecomm/engines/spark.txt; do \
		echo "$$lock"; \
		.venv/bin/pip-audit --strict --disable-pip --require-hashes --progress-spinner off -r $$lock || exit 1; \
	done
	cd web && npm audit --package-lock-only

sbom: .venv/.ready ## Write dist/ecomm.cdx.json: what a release is made of, as CycloneDX
	.venv/bin/python -m requirements.sbom dist/ecomm.cdx.json

bench: compiled ## Measure time and memory
	.venv/bin/python -m benchmarks

attack: compiled ## Attack it with hostile files, faults and queries, and write what was lost into docs/reliability.md
	.venv/bin/python -m tests.attack $(ARGS)

mutants: compiled ## Put many small mistakes into the code, and count those that the tests find (hours)
	nice .venv/bin/python -m tests.mutants $(ARGS)

docs: compiled ## Write the pages of docs that are made from the code
	.venv/bin/python -m ecomm.rulebook > docs/rules.md
	.venv/bin/python -m ecomm.dictionary > docs/tables.md
	.venv/bin/python -m tests.transcript docs/troubleshooting.md
	.venv/bin/python -m tests.transcript docs/scd2.md
	.venv/bin/python -m tests.transcript README.md

# The locks hold for every system and Python at once. What is locked stays unless it must change: make lock UPGRADE=1.
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

web: web/node_modules/.ready ## Build the dashboard's page (needs Node)
	@cd web && npx --no-install tsc --noEmit && node build.mjs

web-check: web/node_modules/.ready ## See whether the page that is committed is what its sources give
	@cd web && npx --no-install tsc --noEmit && into=$$(mktemp -d) && node build.mjs "$$into" && \
		diff -r "$$into" ../src/ecomm/dashboard/assets && rm -rf "$$into"

screenshots: compiled ## Write docs/img (needs Chromium)
	.venv/bin/python -m tests.dashboard.screenshots

lock: .uv/.ready ## Write requirements/*.txt anew (UPGRADE=1: with the newest versions)
	$(COMPILE) requirements/uv.in --output-file requirements/uv.txt
	$(COMPILE) requirements/build.in --output-file requirements/build.txt
	$(COMPILE) pyproject.toml --extra embedded --extra alerts --extra dashboard --group dev --output-file requirements/dev.txt
	$(COMPILE) pyproject.toml --extra embedded --extra alerts --extra dashboard --constraints requirements/dev.txt --output-file requirements/run.txt
	$(COMPILE) --no-deps requirements/spark.in --output-file src/ecomm/engines/spark.txt

clean: ## Remove all that was installed or made here
	rm -rf .uv .venv .mypy_cache .ruff_cache .import_linter_cache .pytest_cache .hypothesis build dist
	find src tests data benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

web/node_modules/.ready: web/package-lock.json
	@command -v npm >/dev/null || { echo "There is no npm here: install Node 20 or newer." >&2; exit 1; }
	cd web && npm ci --silent --no-audit --no-fund
	@touch $@

# Compiled beforehand, because some machines forbid Python to write bytecode and would compile at every start.
compiled: .venv/.ready
	@.venv/bin/python -m compileall -q src

# The set-up, in three steps. A step ends by writing a stamp: the checksum of what it was made from. So a step that was
# interrupted or that was made from something else is done anew, and one that is complete asks no network.
# .venv moves with the folder; only the third step, which takes no network, knows where the folder is.
uv_from := cat requirements/uv.txt
venv_from := cat requirements/dev.txt requirements/build.txt
ready_from := pwd -P && cat pyproject.toml
sum = { $(1); } | cksum
stale = $(shell [ -x $(dir $(2))bin/python ] && [ "$$($(call sum,$(1)))" = "$$(cat $(2) 2>/dev/null)" ] || echo rebuild)

.uv/.ready: $(call stale,$(uv_from),.uv/.ready)
	@command -v "$(PYTHON)" >/dev/null || { echo "There is no $(PYTHON) here: install Python 3.11 or newer, or name one with make PYTHON=..." >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$$("$(PYTHON)" --version 2>&1) is too old: install Python 3.11 or newer, or name one with make PYTHON=..." >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments: install its venv module (Debian, Ubuntu: apt install python3-venv)." >&2; exit 1; }
	rm -rf .uv
	"$(PYTHON)" -m venv .uv
	.uv/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r requirements/uv.txt
	@$(call sum,$(uv_from)) > $@

# pyspark-client is published as source only; what builds it is locked too.
.venv/.synced: $(call stale,$(venv_from),.venv/.synced) | .uv/.ready
	rm -rf .venv
	$(UV) venv --quiet --no-project --relocatable --python .uv/bin/python .venv
	$(UV) pip sync --quiet --python .venv/bin/python --require-hashes --compile-bytecode \
		--only-binary :all: --no-binary pyspark-client --build-constraints requirements/build.txt requirements/dev.txt
	@$(call sum,$(venv_from)) > $@

.venv/.ready: $(call stale,$(ready_from),.venv/.ready) | .venv/.synced
	$(UV) pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --compile-bytecode --editable .
	@.venv/bin/python -m compileall -q src
	@$(call sum,$(ready_from)) > $@
