# Two commands on a fresh machine: `make demo` and `make test`. Each sets up .venv by itself.
PYTHON ?= python3
BIN := .venv/bin
# modules are compiled when they are first imported: half of what pip would do is never needed. By pip where Python may keep
# nothing that it compiles, or each start of a command would compile all libraries
COMPILE := $(if $(PYTHONDONTWRITEBYTECODE),--compile,--no-compile)
PROMPT ?= an oil painting of the amalfi coast

.PHONY: demo test test-all bench lint docs site install clean

install: .venv/installed

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(COMPILE) --editable '.[dev]'
	touch $@

# no more than the demo needs: half as long
.venv/bin/synoptic: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(COMPILE) --editable .
	touch $@

demo: .venv/bin/synoptic
	$(BIN)/synoptic wide "$(PROMPT)"
	@picture=$$(ls -t outputs/wide/*/*.png | head -1); \
	if [ "$$(uname)" = Darwin ]; then open "$$picture"; \
	elif [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] && command -v xdg-open >/dev/null; then xdg-open "$$picture"; fi

test: install
	$(BIN)/pytest --numprocesses 2 --dist worksteal

# what `make test` leaves out
test-all: install
	$(BIN)/pytest --numprocesses 2 --dist worksteal -m 'slow and not gpu'

# peers and ours side by side: half an hour; `make bench QUICK=1`: five minutes
bench: install
	$(BIN)/python -m benchmarks $(if $(QUICK),--quick)

docs: install
	$(BIN)/mkdocs serve --open

site: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

lint: install site
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports
	$(BIN)/codespell README.md CONTRIBUTING.md CHANGELOG.md docs bundled_training/README.md examples synoptic
	$(BIN)/proselint check README.md CONTRIBUTING.md $$(find docs -name '*.md' ! -name renames.md)

clean:
	rm -rf .venv outputs build *.egg-info
