# make lab        set up .venv and open JupyterLab on the tutorials
# make demo       the same journey in the terminal
# make test       every test that can run here, saying what was skipped and why
# make test-long  the long runs as well
# make setup      only set up .venv
# make docs       build the site (build/site/html): lessons, errors, every chapter; nothing is run
# make clean      remove what the others left, except .venv (make distclean removes that too)

VENV   ?= .venv
EXTRAS ?= lab,net,test,ui
PYTHON ?=
PYTEST  = $(VENV)/bin/python -m pytest -rs --durations=5 $(PYTEST_ARGS)
PLAIN   = $(PYTEST) -p no:nbval
WORKERS ?= 2
LANES   = compiled nojit boundscheck notebooks browser

.DEFAULT_GOAL := help
.PHONY: help setup lab demo test test-long test-compiled test-nojit test-boundscheck test-notebooks test-browser \
        coverage docs wheel constraints clean distclean

help:
	@sed -n 's/^# make/make/p' Makefile

# The stamp makes the second setup instant; a changed dependency list sets up again.
STAMP = $(VENV)/.setup-stamp
$(STAMP): pyproject.toml constraints.txt setup.sh
	@PYTHON="$(PYTHON)" ./setup.sh "$(VENV)" "$(EXTRAS)"
	@touch $@

setup: $(STAMP)

lab: setup
	@$(VENV)/bin/devmemlab lab

demo: setup
	@$(VENV)/bin/devmemlab demo

# Every lane reads the same files: what Python made of them once is kept, whatever the environment says.
unexport PYTHONDONTWRITEBYTECODE

# Every lane runs even when an earlier one failed; the last lines say which did.
test: setup
	@failed=; \
	for lane in $(LANES); do \
	    start=$$(date +%s); \
	    printf '\n=== %s lane ===\n' "$$lane"; \
	    $(MAKE) --no-print-directory test-$$lane && verdict=passed || { verdict=FAILED; failed="$$failed $$lane"; }; \
	    printf '=== %s lane %s after %s s ===\n' "$$lane" "$$verdict" $$(($$(date +%s) - start)); \
	done; \
	if [ -n "$$failed" ]; then printf '\nfailed lanes:%s\n' "$$failed"; exit 1; fi; \
	printf '\nall lanes passed: $(LANES)\n'

test-long:
	@$(MAKE) --no-print-directory test SELECT=

# What talks to this machine's kernel runs by itself: its timers do not wait for a busy processor.
SELECT = not long and
SHARED = -n $(WORKERS) --dist loadfile
test-compiled: setup
	@$(PLAIN) $(SHARED) -m "$(SELECT) not browser and not live" --ignore=tests/browser && verdict=0 || verdict=1; \
	$(PLAIN) -m "$(SELECT) live" $$(grep -rl --include='test_*.py' 'mark\.live' tests) && exit $$verdict

test-nojit: setup
	NUMBA_DISABLE_JIT=1 $(PLAIN) $(SHARED) -m "$(SELECT) not browser and not compiled_only"

test-boundscheck: setup
	NUMBA_BOUNDSCHECK=1 $(PLAIN) $(SHARED) -m "$(SELECT) not browser"

test-notebooks: setup
	@if ls notebooks/*.ipynb >/dev/null 2>&1; then \
	    $(PYTEST) -p no:cacheprovider --nbval --nbval-current-env --nbval-cell-timeout=300 \
	        --nbval-sanitize-with tests/nbval.cfg notebooks/*.ipynb; \
	else echo "SKIPPED: there is no notebook in notebooks/ yet"; fi

# One browser at a time: two of them and their kernels are slower than some tests wait. pytest answers 5 when it selected nothing.
test-browser: setup
	@$(PLAIN) -m "$(SELECT) browser" tests/browser || { status=$$?; [ $$status -eq 5 ] && echo "SKIPPED: no browser test in tests/ yet" || exit $$status; }

coverage: setup
	NUMBA_DISABLE_JIT=1 $(VENV)/bin/python -m coverage run -m pytest -q --above -m "not long and not browser and not compiled_only"
	$(VENV)/bin/python -m coverage report --skip-covered --sort=cover

docs: setup
	@$(VENV)/bin/python -c 'import myst_nb, pydata_sphinx_theme' 2>/dev/null || ./setup.sh "$(VENV)" "$(EXTRAS),docs"
	$(VENV)/bin/python notebooks/site/build_site.py build/site

wheel: setup
	$(VENV)/bin/python -m build

constraints: setup
	uv pip compile pyproject.toml --universal --python-version 3.11 --all-extras --no-annotate --no-header --upgrade -q -o constraints.txt

clean:
	rm -rf dist build .pytest_cache .hypothesis .coverage htmlcov devmemlab-tutorials
	find devmemlab tests notebooks data -name __pycache__ -type d -exec rm -rf {} + 2>/dev/null || true
	find notebooks -name .ipynb_checkpoints -type d -exec rm -rf {} + 2>/dev/null || true

distclean: clean
	rm -rf $(VENV)
