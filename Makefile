PYTHON ?= python3
PARROTS := .venv/bin/parrots
RESULTS ?= results/width
INSTALLED := .venv/.installed
MEGABLOCKS := .megablocks

.PHONY: help install test test-megablocks reproduce reproduce-all docs format clean

help:            ## list the targets
	@grep -E '^[a-z-]+: .*##|^[a-z-]+:  *##' $(MAKEFILE_LIST) | sed 's/:.*##/  -/'

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[test,docs]'
	@touch $@

install: $(INSTALLED)  ## create .venv and install exact versions

test: $(INSTALLED)  ## lint, format, types, tests (pages included)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/python -m pytest $(PYTEST_ARGS)

$(MEGABLOCKS)/.installed: $(INSTALLED)
	rm -rf $(MEGABLOCKS)
	.venv/bin/python -m pip install --quiet --no-deps --no-build-isolation --target $(MEGABLOCKS) \
	  megablocks==0.10.0 stanford-stk==0.7.1 triton==3.6.0 'numpy<2.4'
	@touch $@

test-megablocks: $(MEGABLOCKS)/.installed  ## hold our experts against MegaBlocks, on a CPU
	TRITON_INTERPRET=1 PYTHONPATH=$(MEGABLOCKS) .venv/bin/python -m pytest tests/megablocks $(PYTEST_ARGS)

reproduce: $(INSTALLED)  ## verify the constructions, train the quick study, write the report
	$(PARROTS) verify
	$(PARROTS) run width --preset quick --out $(RESULTS)
	$(PARROTS) report $(RESULTS)

reproduce-all: $(INSTALLED)  ## run the quick preset of every study, write the reports and the story of all
	$(PARROTS) verify
	set -e; for study in $$(.venv/bin/python -c 'from experiments.studies import STUDIES; print(*STUDIES)'); do \
	  $(PARROTS) run $$study --preset quick --out results/$$study; \
	  $(PARROTS) report results/$$study || test $$? -eq 1; \
	done
	$(PARROTS) story results

docs: $(INSTALLED)  ## build the pages; warnings are errors
	.venv/bin/python -m sphinx -W --keep-going -n -b html docs docs/_build/html

format: $(INSTALLED)  ## rewrite in the project's style
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

clean:  ## remove what the commands above made, results excepted
	rm -rf .venv $(MEGABLOCKS) build docs/_build docs/_static/generated
