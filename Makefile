# What you can type is listed by `make`. Everything is installed into the folder .venv and nothing outside it.
#
# Options, for networks that are not like ours (README, "Proxies and offline machines"):
#   make poc PYTHON=python3.12     another interpreter
#   make poc INSTALLER=pip         pip instead of uv (pip reads your company's pip settings, uv does not)
#   make poc WHEELS=folder         install from a folder of wheels, without any network

VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
USECASE := sample_data/company/inspection
RUN := sample_data/example_run

# The first interpreter that is new enough; empty where there is none.
PYTHON ?= $(shell for p in python3 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' >/dev/null 2>&1 && echo $$p && break; done)

# requirements.lock constrains what pyproject.toml asks for, so one file pins the small set and the full one.
SOURCE := $(if $(WHEELS),--no-index --find-links $(WHEELS),)
ifeq ($(INSTALLER),pip)
INSTALL := $(PY) -m pip install $(SOURCE)
else
UV := $(shell uv --version >/dev/null 2>&1 && echo uv || echo $(BIN)/uv)
INSTALL := $(UV) pip install --python $(PY) $(SOURCE)
endif

.DEFAULT_GOAL := help
.PHONY: help poc test test-gpu check lint lab demo doctor notebooks lock benchmarks newest clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

poc: $(VENV)/installed-kit  ## the whole PoC on the sample company: data, fine-tuning, checks, verdict, report
	@echo "[3/3] Running the PoC on $(USECASE)"
	@$(PY) -m poc run $(USECASE)

test: $(VENV)/installed-dev lint  ## every test and every notebook; what this machine lacks is skipped by name
	OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 --dist loadgroup

check: $(VENV)/installed-dev lint  ## what a pull request must pass: ruff and the fast tests
	$(PY) -m pytest -m unit

test-gpu: $(VENV)/installed-dev  ## the gpu tier on this machine's card; MODEL=DIR asks a checkpoint of yours, too
	MODEL=$(MODEL) $(PY) -m pytest -m gpu tests/test_gpu.py

lint: $(VENV)/installed-dev
	$(PY) -m ruff check .

lab: $(VENV)/installed-dev  ## JupyterLab, on the notebooks
	$(PY) -m jupyterlab --ServerApp.root_dir=notebooks --LabApp.news_url=None --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate

demo: $(VENV)/installed-dev  ## the Gradio demo on the example run, at 127.0.0.1 only (RUN=runs/... for your own)
	$(PY) -m poc demo $(RUN)

doctor: $(VENV)/installed-kit  ## what this machine has, and the next step where something is missing
	@$(PY) -m poc doctor

notebooks: $(VENV)/installed-dev  ## notebooks/src -> notebooks/*.ipynb, in both languages
	$(PY) notebooks/build.py

# One resolution that holds for every Python and platform we name; names and versions only, no address.
lock: $(PY)  ## resolve pyproject.toml again into requirements.lock and environment.yml
	@$(UV) --version >/dev/null 2>&1 || $(PY) -m pip install --quiet uv
	$(UV) pip compile pyproject.toml --extra dev --universal --python-version 3.11 --fork-strategy fewest --upgrade \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links --quiet --output-file requirements.lock
	$(PY) .ci/environment.py > environment.yml
	$(UV) pip compile --group benchmarks --constraint requirements.lock --universal --python-version 3.11 --fork-strategy fewest --upgrade \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links --quiet --output-file benchmarks/requirements.lock

benchmarks: $(VENV)/installed-dev  ## install the opponent of the benchmarks (TRL) beside the kit; then: .venv/bin/python -m benchmarks.finetune
	$(INSTALL) --constraint benchmarks/requirements.lock --group benchmarks

# Red here and green in `make test`: something upstream moved. kit/models/forward.py and encoders.py are the files to look at.
newest: $(VENV)/installed-dev  ## the families with the newest transformers, peft and bitsandbytes instead of the locked ones
	@mkdir -p build
	@grep -viE '^(transformers|peft|bitsandbytes|huggingface-hub|tokenizers)==' requirements.lock > build/others.lock
	$(UV) venv --quiet --clear --python $(PY) build/newest
	$(UV) pip install --quiet --python build/newest/bin/python $(SOURCE) --constraint build/others.lock --editable ".[dev]"
	@build/newest/bin/python -c "from kit.training.checks import installed_versions; print(installed_versions())"
	OMP_NUM_THREADS=1 build/newest/bin/python -m pytest -n 2 --dist loadgroup -m unit tests/test_families.py tests/test_models.py tests/test_evaluation.py tests/test_batches.py tests/test_training.py

clean:  ## remove .venv and build/; runs/ is yours and stays
	rm -rf $(VENV) build *.egg-info

$(PY):
	@test -n "$(PYTHON)" || { echo "The kit needs Python 3.11 or 3.12 and found neither: install one, then name it, as in \`make poc PYTHON=python3.12\`." >&2; exit 2; }
	@echo "[1/3] Creating $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); uv venv --quiet --seed --python $(PYTHON) $(VENV); } || \
		{ echo "This Python cannot make environments: install its venv package (on Debian and Ubuntu: apt-get install python3-venv), then type the command again." >&2; exit 2; }

# How far each set is installed; a newer lock or pyproject makes the set stale.
$(VENV)/installed-kit: requirements.lock pyproject.toml | $(PY)
	@echo "[2/3] Installing what the PoC needs (the first time PyTorch is most of the download; see README)"
	@$(MAKE) --no-print-directory uv
	$(INSTALL) --constraint requirements.lock --editable .
	@touch $@

$(VENV)/installed-dev: requirements.lock pyproject.toml | $(PY)
	@echo "[2/3] Installing the kit with its notebooks, demo and tests"
	@$(MAKE) --no-print-directory uv
	$(INSTALL) --constraint requirements.lock --editable ".[dev]"
	@touch $@ $(VENV)/installed-kit

.PHONY: uv
uv:
ifneq ($(INSTALLER),pip)
	@$(UV) --version >/dev/null 2>&1 || $(PY) -m pip install --quiet $(SOURCE) uv
endif
