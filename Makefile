# One command each: make run | test | lab | live | pages | docs | bench | torture | class | student | figures | times | wasm | constraints | clean
# The first of them installs everything into .venv; the next ones find it there. To install less:
#   make run VENV_FLAGS=--system-site-packages        keeps the torch and torchvision that your Python already has
#   make run PIP_FLAGS="--extra-index-url ADDRESS"    takes CPU-only wheels, if the index at ADDRESS offers them
SUITS := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	$$p -c '$(SUITS)' >/dev/null 2>&1 && echo $$p && break; done)
BIN := .venv/bin
LOG := .venv/install.log
PINNED := .venv/constraints.txt
WORKERS := from bgnb.study.sweeps import available_cores; print(min(4, available_cores() + 1))
ALL := '.[test,class,cluster,dev]'
WASM := --target=wasm32 -O2 -msimd128 -nostdlib -Wl,--no-entry,--strip-all,--export=__heap_base
MADE := .venv .pytest_cache .ruff_cache .mypy_cache .hypothesis build bgnb.egg-info

# pip writes to the log. If it fails, the end of the log is shown.
define pip
@$(BIN)/python -m pip install $(PIP_FLAGS) --progress-bar off $(1) >>$(LOG) 2>&1 || { \
	tail -n 15 $(LOG); echo "pip failed. These were the last lines of $(CURDIR)/$(LOG)"; exit 2; }
endef

.PHONY: run test lab live bench torture class student pages docs figures times wasm constraints clean help
help:
	@echo "make run          install (the first time), then find a cat in a forest, from nothing, and draw it"
	@echo "make test         all tests, the notebooks included"
	@echo "make lab          the lessons in JupyterLab"
	@echo "make live         one page in which a network learns before your eyes: out/pages/live.html"
	@echo "make pages        the lessons as pages that open without internet and Python, in out/pages"
	@echo "make docs         the reference alone: all functions, results, glossary, how we read the paper"
	@echo "make bench        how fast it is, beside what you would write or install instead"
	@echo "make torture      kills, damaged pictures, odd values, full disks, two of everything; about half an hour"
	@echo "make class        the lessons for a class, without solutions: pages to read, and to run with other values (Voila)"
	@echo "make student      copies of the lessons without solutions, in out/student"
	@echo "make figures      run the lessons and write their main figures into figures/"
	@echo "make times        run the lessons twice and write how long each takes into notebooks/README.md"
	@echo "make wasm         compile the C of bgnb/moving to WebAssembly; needs clang and lld (apt-get install clang lld)"
	@echo "make constraints  install the newest versions, write them down, and test them"
	@echo "make clean        uninstall: remove .venv and all that was made beside it, but not out/ and the cache"

.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c '$(SUITS)' >/dev/null 2>&1 || { \
		echo "bgnb needs Python 3.11, 3.12 or 3.13 with venv; found $(or $(PYTHON),none). Name one: make PYTHON=/path/to/python"; exit 2; }
	@echo "Setting up .venv with $$($(PYTHON) --version), once; this takes some minutes. Follow it in $(LOG)."
	@echo "Up to 3 GB to download, up to 6.5 GB on disk: torch's wheels on the plain index bring GPU libraries along, GPU or not."
	@echo "For less, stop with Ctrl-C and see \"Set up\" in CONTRIBUTING.md: keep the torch you have, or take CPU-only wheels."
	@$(PYTHON) -m venv $(VENV_FLAGS) .venv
	@$(if $(VENV_FLAGS),sed -E '/^(torch|torchvision|triton|nvidia-.*|cuda-.*)==/d',cat) constraints.txt >$(PINNED); : >$(LOG)
	@echo "1/3 pip"
	$(call pip,--upgrade pip)
	@echo "2/3 bgnb and all that it needs"
	$(call pip,--constraint $(PINNED) --editable $(ALL))
	@echo "3/3 JupyterLab"
	@# JupyterLab would ask at its first start whether it may fetch news.
	@$(BIN)/jupyter labextension disable --level=sys_prefix "@jupyterlab/apputils-extension:announcements" 2>/dev/null
	@touch $@

run: .venv/ready
	$(BIN)/bgnb run --images 120 --size 128 --patch 24 --stride 4 --ratio 2 --preset quick --epochs 12 --lr 0.01 --augment 0 --json out/run.json --picture out/run.png
	@echo "Look at out/run.png; all numbers are in out/run.json."

# A process for each core and one more, up to four: whoever waits for a browser leaves a core to the others. Each test computes
# in one thread.
test: .venv/ready
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $$($(BIN)/python -c "$(WORKERS)") --dist worksteal

lab: .venv/ready
	$(BIN)/jupyter lab notebooks

# A page whose notebook and package are unchanged is not built again. PAGES may be given: make pages PAGES="--only 03 --fast"
pages: .venv/ready
	$(BIN)/bgnb pages notebooks --out out/pages $(PAGES)
	@echo "Open out/pages/index.html in a browser."

live: .venv/ready
	$(BIN)/bgnb pages notebooks --out out/pages --only live
	@echo "Open out/pages/live.html in a browser."

docs: .venv/ready
	$(BIN)/bgnb pages notebooks --out out/pages --only docs

# Ratios in one table, then how cost grows (figures/cost_growth.png), then the parts, compared with the last run of this machine.
bench: .venv/ready
	$(call pip,--constraint $(PINNED) --editable '.[bench]')
	$(BIN)/python tests/bench/compare.py $(BENCH)
	$(BIN)/python tests/bench/growth.py
	$(BIN)/python -m pytest tests/bench/bench_parts.py --benchmark-autosave --benchmark-columns=median,iqr,rounds --benchmark-compare

# What docs/trust.md promises, put to the test. TORTURE may be given: make torture TORTURE="--only kills --share 0.1"
torture: .venv/ready
	$(BIN)/python tests/torture $(or $(TORTURE),--into docs/trust.md)

student: .venv/ready
	$(BIN)/bgnb classroom notebooks --out out/student

# PORT, TOKEN, IP, VISITORS (at a time) and PREHEAT="01 02 03" (lessons kept ready for the next one, a kernel each) may be given.
class: pages
	$(BIN)/bgnb classroom notebooks --pages out/pages --serve $(if $(PORT),--port $(PORT)) $(if $(TOKEN),--token $(TOKEN)) $(if $(IP),--ip $(IP)) $(if $(VISITORS),--visitors $(VISITORS)) $(if $(PREHEAT),--preheat $(PREHEAT))

figures: .venv/ready
	FIGURES=$(CURDIR)/figures $(BIN)/bgnb times notebooks --once
	$(BIN)/bgnb scenes --out figures

times: .venv/ready
	$(BIN)/bgnb times notebooks --into notebooks/README.md

# The binaries are committed; clang 14 and lld 14 give the same bytes again.
wasm: $(patsubst %.c,%.wasm,$(wildcard bgnb/moving/*.c))
bgnb/moving/micro.wasm: bgnb/moving/tiny.c
%.wasm: %.c
	clang $(WASM) -o $@ $<
	chmod 644 $@

# Install the newest versions that the open ranges of pyproject.toml allow, write them down, and test them.
# Use the oldest Python and the plain index: make constraints PYTHON=python3.11
constraints:
	rm -rf .venv && : >constraints.txt
	$(MAKE) .venv/ready
	$(call pip,--editable '.[bench]')
	$(BIN)/python -m pip freeze --exclude-editable >constraints.txt && touch .venv/ready
	$(MAKE) test || { echo "These versions do not pass. To return to the old ones: git checkout constraints.txt"; exit 1; }

# Uninstall. The cache may be shared with other copies of bgnb, so it stays; so does out/, which is yours.
clean:
	@cache=$$($(BIN)/python -c 'from bgnb.files import cache_folder; print(cache_folder())' 2>/dev/null) || cache="the folder that bgnb check named"; \
	for made in $(MADE); do if [ -e "$$made" ]; then rm -rf "$$made"; echo "removed $$made"; fi; done; \
	echo "kept out/, and the trained networks and prepared pictures in $$cache; delete them yourself if you like"
