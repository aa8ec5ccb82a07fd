# make app: install everything and open the app.   make test: install what tests need and run all of them.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PORT ?= 8501
BIN := .venv/bin

.PHONY: app test check bench browser
app: .venv/app.done
	$(BIN)/python -m dashboard --server.port $(PORT)

test: .venv/test.done browser check
	$(BIN)/python -m pytest

check: .venv/test.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/pyright

bench: .venv/test.done
	$(BIN)/python -m benchmarks.sweep
	$(BIN)/python -m benchmarks.contacts
	$(BIN)/python -m benchmarks.page
	$(BIN)/python -m benchmarks.load
	$(BIN)/python -m benchmarks.workers

.venv/app.done: requirements.txt dashboard/widgets/set_up_3dmol.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	{ echo "plmscope needs Python 3.11 or newer, not $$($(PYTHON) --version): make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -r requirements.txt
	$(BIN)/python -m dashboard.widgets.set_up_3dmol
	touch $@

.venv/test.done: .venv/app.done tests/requirements.txt
	$(BIN)/python -m pip install --quiet -r tests/requirements.txt
	touch $@

# Browser tests drive Debian's Chromium; elsewhere, put a chromium on the path yourself.
browser:
	@command -v chromium >/dev/null || \
	{ [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq chromium >/dev/null; } || \
	{ command -v sudo >/dev/null && sudo apt-get update -qq && sudo apt-get install -y -qq chromium >/dev/null; } || \
	echo "no chromium here and no way to install it: browser tests will be skipped"
