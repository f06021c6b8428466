# One command each: make run | test | lab | bench | class | student | figures | times | constraints | clean
# Everything is installed into .venv by the first of them and found again by the next.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' >/dev/null 2>&1 && echo $$p && break; done)
BIN := .venv/bin

.PHONY: run test lab bench class student figures times constraints clean help
help:
	@echo "make run    find a cat in a forest, from nothing, and draw it"
	@echo "make test   all tests, the notebooks included"
	@echo "make lab    the lessons in JupyterLab"
	@echo "make bench  how fast it is, beside what you would write or install instead"
	@echo "make class  the lessons as pages for a class, without code and solutions (Voila)"
	@echo "make student  copies of the lessons without solutions, in out/student"
	@echo "make figures  run the lessons and write their main figures into figures/"
	@echo "make times    run the lessons twice and write how long each takes into README.md"

.venv/ready: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "bgnb needs Python 3.11, 3.12 or 3.13 with venv: none was found; name one with make PYTHON=/path/to/python"; exit 2; }
	@echo "Installing into .venv with $$($(PYTHON) --version): about 6 GB, some minutes, once."
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --progress-bar on --constraint constraints.txt --editable '.[test,class,dev]'
	@# JupyterLab would ask at its first start whether it may fetch news.
	@$(BIN)/jupyter labextension disable --level=sys_prefix "@jupyterlab/apputils-extension:announcements" 2>/dev/null
	@touch $@

run: .venv/ready
	$(BIN)/bgnb run --size 128 --patch 24 --stride 4 --ratio 2 --epochs 20 --json out/run.json --picture out/run.png
	@echo "Look at out/run.png; all numbers are in out/run.json."

test: .venv/ready
	$(BIN)/python -m pytest

lab: .venv/ready
	$(BIN)/jupyter lab notebooks

# Ratios in one table, then how cost grows (figures/cost_growth.png), then the parts, compared with the last run of this machine.
bench: .venv/ready
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python tests/bench/compare.py $(BENCH)
	$(BIN)/python tests/bench/growth.py
	$(BIN)/python -m pytest tests/bench/bench_parts.py --benchmark-autosave --benchmark-columns=median,iqr,rounds --benchmark-compare

student: .venv/ready
	$(BIN)/bgnb classroom notebooks --out out/student

# PORT, TOKEN, IP and PREHEAT="01 02 03" (lessons kept ready for the next visitor, a kernel each) may be given.
class: .venv/ready
	$(BIN)/bgnb classroom notebooks --out out/student --serve $(if $(PORT),--port $(PORT)) $(if $(TOKEN),--token $(TOKEN)) $(if $(IP),--ip $(IP)) $(if $(PREHEAT),--preheat $(PREHEAT))

figures: .venv/ready
	FIGURES=$(CURDIR)/figures $(BIN)/bgnb times notebooks --once
	$(BIN)/bgnb scenes --out figures

times: .venv/ready
	$(BIN)/bgnb times notebooks --into README.md

# The exact versions that last passed the tests: resolve the open ranges anew, test, write down what was installed.
constraints:
	rm -rf .venv && : > constraints.txt
	$(MAKE) test
	$(BIN)/python -m pip install --quiet --editable '.[bench]'
	$(BIN)/python -m pip freeze --exclude-editable > constraints.txt && touch .venv/ready

clean:
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis build *.egg-info
