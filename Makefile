PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo/my-project

# The default build of torch includes gigabytes for GPUs; set TORCH=... to choose another.
TORCH ?= $(if $(shell command -v nvidia-smi),torch,torch==2.13.0)

.PHONY: install demo test test-all test-clusters sweep benchmarks editor docs docs-serve test-docs lint format templates examples schema clean

install: $(VENV)/installed  ## Create .venv with all development dependencies.

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet "$(TORCH)"
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@

demo: install  ## Generate a task in demo/my-project, test it, train it, predict with it.
	rm -rf $(DEMO)
	mkdir -p $(DEMO)
	cd $(DEMO) && export PATH="$(CURDIR)/$(BIN):$$PATH" && set -ex; \
	ltscaffold new-task my_classifier --base text_classification --recipe label_smoothing; \
	pytest --quiet; \
	python train.py +task=nlp/my_classifier experiment=smoke trainer.max_epochs=4 \
		hydra.run.dir=outputs/demo; \
	cat outputs/demo/metrics.csv; \
	python predict.py +task=nlp/my_classifier +checkpoint_path=outputs/demo/checkpoints/best.ckpt \
		+x="A soft answer turneth away wrath: but grievous words stir up anger."; \
	python predict.py +task=nlp/my_classifier +checkpoint_path=outputs/demo/checkpoints/best.ckpt \
		+x="And Jesus went about all Galilee, teaching in their synagogues."

test: install  ## Run the tests.
	$(BIN)/python -m pytest -n auto --dist loadgroup

test-all: install  ## Run the slow tests as well: full products that `make test` samples, and controls.
	$(BIN)/python -m pytest -n auto --dist loadgroup -m "not clusters"

test-clusters: install  ## Run the tests that start several nodes on this machine: minutes.
	$(BIN)/python -m pytest -m clusters tests/clusters

sweep: install  ## Run the long tests in full: every kill, 500 sequences, 2000 command lines, all merges.
	LTSCAFFOLD_EVERY_KILL=1 LTSCAFFOLD_SEQUENCES=500 LTSCAFFOLD_VECTORS=2000 LTSCAFFOLD_MERGES=1000 LTSCAFFOLD_EXECUTED_MERGES=1 \
		LTSCAFFOLD_VALUES=2000 LTSCAFFOLD_UPDATES=200 LTSCAFFOLD_PROJECTS=40 LTSCAFFOLD_PROGRAMS=1500 LTSCAFFOLD_EVERY_EDIT=1 \
		$(BIN)/python -m pytest -n auto --dist loadgroup -m "" tests/ltscaffold/writing/test_transaction.py \
		tests/ltscaffold/writing/test_failing_disk.py \
		tests/lightning_transformers/config/schema/test_check.py tests/ltscaffold/commands/test_sequences.py tests/ltscaffold/cli/test_fuzz.py \
		tests/ltscaffold/merge/test_merge.py tests/ltscaffold/merge/test_executed_merges.py tests/ltscaffold/commands/update/test_every_version.py \
		tests/ltscaffold/commands/update/test_runtime_imports.py \
		tests/ltscaffold/commands/templates/test_extract_patch.py

benchmarks: install  ## Measure ours and others in turn, and write the tables: hours, and some need npm.
	for name in checkpoint data generator growth memory padding predict_memory startup training \
		vocabulary; do \
		$(BIN)/python -m benchmarks.$$name || exit; \
	done

editor: install  ## Test the schema for editors with yaml-language-server, from npm.
	npm install --silent --no-fund --prefix demo/npm yaml-language-server@1.25
	LTSCAFFOLD_YAML_SERVER=demo/npm/node_modules/yaml-language-server \
		$(BIN)/python -m pytest tests/lightning_transformers/config/schema/test_editor.py

docs: $(VENV)/docs  ## Build the documentation site in build/site; a broken link is an error.
	$(BIN)/python -m build_tools.build_docs
	$(BIN)/zensical build --clean --strict
	cp build/docs/llms.txt build/site/llms.txt

$(VENV)/docs: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --editable ".[docs]"
	touch $@

docs-serve: docs  ## Show the site on http://localhost:8000.
	$(BIN)/python -m http.server --bind localhost --directory build/site 8000

test-docs: docs  ## Build the site, then execute the commands and code of each page: minutes.
	$(BIN)/python -m pytest -n auto -m "docs or not docs" tests/docs

lint: install  ## Check formatting, style, types and the layers of imports.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install  ## Format the code.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

templates: install  ## Add the templates to the bundled history of the package.
	$(BIN)/python -m build_tools.release_templates

schema: install  ## Write the schemas of the packaged configs and of --json, and the reference, again.
	$(BIN)/python -m build_tools.build_schema
	$(BIN)/python -m build_tools.build_output_schemas

examples: install  ## Render generated_examples again, with their edits.
	$(BIN)/python generated_examples/generate.py

clean:  ## Remove the output of the targets above.
	rm -rf $(VENV) build demo dist outputs
