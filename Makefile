# make lab   opens the dashboard on http://127.0.0.1:8501 (PORT=8600 moves it)
# make test  runs every test, in a real browser too
# Both set up everything they need in .venv.

PYTHON ?= python3
PORT ?= 8501
BIN := .venv/bin
FRONTEND := dashboard/frontend
NPM := npm --prefix $(FRONTEND)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: lab test inputs audit lint bench faults science evidence pictures translations clean check-python chromium node axe

lab: .venv/product
	$(BIN)/python -m streamlit run dashboard/app.py --server.port $(PORT)

test: .venv/tests chromium node axe
	$(NPM) --silent test
ifeq ($(strip $(ARGS)),)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile tests/unit tests/inputs tests/science --cov
	$(BIN)/python -m pytest -n 2 --dist loadfile tests/browser
else
	$(BIN)/python -m pytest $(ARGS)
endif

# The pages' accessibility is checked with axe-core; where npm's registry is out of reach, it is not.
axe: | node
	@[ -f $(FRONTEND)/node_modules/axe-core/axe.min.js ] || $(NPM) ci --loglevel=error --no-audit --no-fund \
		|| echo "axe-core can't be installed from here: accessibility is not checked"

lint: .venv/tests $(FRONTEND)/node_modules/.package-lock.json
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(NPM) --silent run lint
	$(NPM) --silent run types

# Whether the pinned packages are what was published, and what is known against them.
# pip-audit lives apart, so that what it needs pins nothing of ours; without it, the rest is checked.
audit: .venv/tests
	@[ -x .venv/audit/bin/pip-audit ] || { $(BIN)/python -m venv .venv/audit \
		&& .venv/audit/bin/python -m pip install --quiet pip-audit==2.10.1; } \
		|| echo "pip-audit can't be installed from here"
	$(BIN)/python -m tests.audit .venv/audit/bin/pip-audit --progress-spinner off

# INPUTS=10 make inputs tries ten times as many as make test does, and others each time.
inputs: .venv/tests
	INPUTS=$(or $(INPUTS),10) OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile tests/inputs

bench: .venv/tests chromium
	$(BIN)/python -m tests.benchmarks $(ARGS)

# Kills, damages, fills and stalls what it can, and counts what was lost; a quarter of an hour.
faults: .venv/tests
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.faults $(ARGS)

# Trains the runs that README shows and takes its pictures anew.
pictures: .venv/tests chromium
	$(BIN)/python -m tests.pictures

# Brings assets/languages up to date with the source and counts what is not translated.
translations: .venv/tests
	$(BIN)/python -m tests.translations

# An hour of one processor; an interrupted round goes on where it was.
science: .venv/tests
	$(BIN)/python -m tests.science.presets

# Checks every published claim (most of an hour; an interrupted round goes on where it was), then
# writes what was found into assets/evidence and README.
evidence: .venv/tests
	$(BIN)/python -m core evidence
	$(BIN)/python -m tests.science.record

check-python:
	@command -v $(PYTHON) >/dev/null || { echo "python3 is missing: install Python 3.11, 3.12 or 3.13, or name one with PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { echo "$$($(PYTHON) --version) can't run this: install Python 3.11, 3.12 or 3.13, or name one with PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv module is missing: install it (Debian and Ubuntu: apt install python3-venv)"; exit 1; }

.venv/bin/python: | check-python
	$(PYTHON) -m venv .venv

.venv/product: requirements.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet -r requirements.txt
	@touch $@

.venv/tests: tests/requirements.txt .venv/product
	$(BIN)/python -m pip install --quiet -r tests/requirements.txt
	@touch $@

# The system's browser where there is one; as root apt brings it, elsewhere Playwright does.
chromium: .venv/tests
	@if command -v chromium chromium-browser google-chrome >/dev/null 2>&1; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && apt-get install -y -qq chromium >/dev/null; \
	else $(BIN)/playwright install chromium; fi

# Only for the checks of the front end: the dashboard itself needs no Node. As root apt brings it.
node:
	@enough() { command -v npm >/dev/null && node -e 'process.exit(+(parseInt(process.versions.node) < 18))' 2>/dev/null; }; \
	if ! enough && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null; fi; \
	enough || { echo "Node 18 or newer and npm are missing, which check the front end: install them from https://nodejs.org (Debian and Ubuntu: apt install nodejs npm)"; exit 1; }

$(FRONTEND)/node_modules/.package-lock.json: $(FRONTEND)/package-lock.json | node
	$(NPM) ci --loglevel=error --no-audit --no-fund
	@touch $@

clean:
	rm -rf $(FRONTEND)/node_modules .venv .pytest_cache .mypy_cache .ruff_cache
