# Type `make` for a list.
.DEFAULT_GOAL := help
.PHONY: help install demo test check fmt bench fuzz screenshot clean

PYTHON ?= python3
BIN := .venv/bin

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## Set up .venv: the locked packages, and llama.cpp compiled for this machine
	@$(PYTHON) build-support/install.py

demo: install ## Set everything up and run the main job on the model in the box
	@$(BIN)/agentlab demo

test: install ## Run all tests, side by side on up to 4 cores
	$(BIN)/pytest -q -n auto --maxprocesses 4 --dist loadfile $(ARGS)

check: install ## Lint, format, types, layers, size and public names
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/pytest -q tests/test_size.py tests/test_layers.py tests/test_public_api.py

fmt: install ## Format the code and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: install ## Measure against bare llama-cpp-python, side by side; writes bench/RESULTS.md
	$(BIN)/python -m bench $(ARGS)

fuzz: install ## Run the property tests with 50 times the examples
	$(BIN)/pytest -q -m hypothesis --hypothesis-profile=fuzz $(ARGS)

screenshot: install ## Make docs/images/report.png anew, with Chromium
	@$(BIN)/python -m tests.support.screenshot

clean: ## Remove what was built here (the compiled llama.cpp stays in uv's cache)
	rm -rf .venv .venv-tools build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
