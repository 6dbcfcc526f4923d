# The main targets are `make demo` and `make test`. They create .venv from requirements.lock once, and reuse it.

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin

.PHONY: demo test test-cluster test-dedup test-faults fuzz test-tokenization compiled lint lint-mypy lint-imports lint-style \
	format docs wheel clean bench bench-chain bench-cluster bench-corpora \
	bench-scale bench-sharding bench-tokenization bench-training bench-morphology bench-env bench-gpu

demo: .venv/installed  ## build, verify and train on the embedded corpus, and report
	$(BIN)/arcorp demo --out out/demo

# worksteal gives each worker a contiguous part, so that a folder's shared fixtures are made once; loadfile makes 14 twice.
# Three workers keep two cores busy, because many tests wait for a scheduler or a signal. Threads of torch that wait do not
# spin. PYTHONDONTWRITEBYTECODE is empty, so that Python stores what it compiles and no process that a test starts does it again.
# The linters run beside the compilation of numba's functions, which each worker would otherwise compile for itself.
test: .venv/gpl  ## lint, then every test
	$(MAKE) --jobs=2 --output-sync compiled lint
	OMP_WAIT_POLICY=PASSIVE PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n 3 --dist worksteal

test-cluster: .venv/installed  ## all faults on a SLURM of two nodes, started here; about fifteen minutes
	ARCORP_SLURM=all $(BIN)/pytest tests/cluster

test-faults: .venv/installed  ## try every fault many times, and write docs/reliability.md; hours
	ARCORP_RELIABILITY=docs/reliability.md ARCORP_SLURM=all ARCORP_KILLS=$${ARCORP_KILLS:-30} ARCORP_FLIPS=$${ARCORP_FLIPS:-300} \
		ARCORP_EXAMPLES=$${ARCORP_EXAMPLES:-600} ARCORP_POINTS=$${ARCORP_POINTS:-97} $(BIN)/pytest -m fault -n 2 --dist worksteal

fuzz: .venv/fuzz  ## every parser on mutated files, ten minutes each; adds figures to benchmarks/results
	ARCORP_FUZZ_SECONDS=$${ARCORP_FUZZ_SECONDS:-600} nice $(BIN)/pytest tests/faults/test_fuzz.py
	ARCORP_FUZZ_SECONDS=$${ARCORP_FUZZ_SECONDS:-600} nice $(BIN)/python -m tests.faults.guided

test-tokenization: .venv/installed  ## merges, and ids of four engines, on all samples and 50,000 strings per mode
	ARCORP_EVERY=1 ARCORP_FUZZ=50000 $(BIN)/pytest tests/tokenization/training/test_bpe.py tests/tokenization/model/test_engines.py

test-dedup: .venv/installed  ## decisions on twelve million random and adversarial keys, against the definition; half an hour
	ARCORP_KEYS=12000000 $(BIN)/pytest tests/corpora/dedup/test_many_keys.py

compiled: .venv/installed
	$(BIN)/python -m pipelines.kernels

lint: lint-mypy lint-imports lint-style  ## ruff, mypy --strict, import-linter, and the generated pages

lint-mypy: .venv/installed
	$(BIN)/mypy

lint-imports: .venv/installed
	$(BIN)/lint-imports --no-logo

lint-style: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pipelines.cli.docs_pages --check

format: .venv/installed  ## format, and write the generated pages
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python -m pipelines.cli.docs_pages

bench-cluster: .venv/installed  ## launching on SLURM, status and dry runs of 10,000 parts, an estimate for FineWeb-2's Arabic
	$(BIN)/python -m benchmarks.cluster

bench: .venv/installed bench-env  ## all benchmarks, then their table, docs/benchmarks.md; some hours
	$(BIN)/python -m benchmarks

bench-chain: .venv/installed  ## from files to shards, beside stock datatrove
	$(BIN)/python -m benchmarks.chain

bench-corpora: .venv/installed  ## reading, cleaning, filtering, deduplicating; beside datatrove
	$(BIN)/python -m benchmarks.corpora

bench-scale: .venv/installed  ## deduplication of 1, 10 and 100 million simulated documents, plans, manifests; half an hour
	$(BIN)/python -m benchmarks.scale

bench-sharding: .venv/installed  ## packing, writing, reading, verifying; beside the peers that `make bench-env` installed
	$(BIN)/python -m benchmarks.sharding

bench-tokenization: .venv/installed  ## training, encoding, segmenting, memory; beside tokenizers, fastokens, tiktoken, rustbpe, sentencepiece
	$(BIN)/python -m benchmarks.tokenization

DATA ?= ../shared/data
GOLD ?= ../shared/gold/wikinews_tokens.tsv
bench-morphology: .venv/gpl  ## segmenters, fertility against morphemes, public tokenizers (fetched), bits per byte; ten hours
	$(BIN)/python -m benchmarks.tokenization.segmenters --data $(DATA) --gold $(GOLD)
	$(BIN)/python -m benchmarks.tokenization.frontier --data $(DATA) --gold $(GOLD)
	$(BIN)/python -m benchmarks.tokenization.public --data $(DATA) --gold $(GOLD)
	$(BIN)/python -m benchmarks.morphology_bpb --data $(DATA)

bench-env:  ## environments of the peers, whose requirements conflict: about 5 GB
	for name in trl olmo mosaicml; do \
		$(PYTHON) -m venv .venv-bench-$$name && .venv-bench-$$name/bin/python -m pip install --quiet \
			-r benchmarks/sharding/peers/$$name.txt || exit 1; \
	done
	$(PYTHON) -m venv .venv-bench-trainers
	.venv-bench-trainers/bin/python -m pip install --quiet -r benchmarks/tokenization/peers/trainers.txt
	.venv-bench-trl/bin/python -m pip uninstall --quiet --yes torchvision  # litdata's breaks trl beside a CPU torch

docs: .venv/installed  ## the docs site, in out/site; a broken link is an error
	$(BIN)/mkdocs build --strict --quiet

bench-gpu:  ## speed of training on one GPU, and FP8 against bf16, in eight minutes; with the machine's torch
	$(or $(wildcard $(BIN)/python),$(PYTHON)) -m benchmarks.gpu

NANOCHAT ?= ../nanochat
bench-training: .venv/installed  ## the nanochat preset beside checkouts of nanochat, on the demo's dataset; some hours
	$(BIN)/python -m benchmarks.training $(addprefix --nanochat ,$(NANOCHAT)) --data out/demo/dataset

wheel: .venv/installed  ## dist/arcorp-*.whl
	$(BIN)/python -m build --no-isolation --wheel

# torch first, at its exact version: packages that depend on it then install no second, larger build.
.venv/installed: requirements.lock requirements-torch.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "arcorp needs Python 3.11 or newer"; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -qq --disable-pip-version-check -r requirements-torch.lock
	$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

# Tables under the GPL: for tests and benchmarks only, never for users.
.venv/gpl: .venv/installed requirements-gpl.lock
	$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements-gpl.lock
	touch $@

.venv/fuzz: .venv/installed requirements-fuzz.lock
	$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements-fuzz.lock
	touch $@

clean:  ## remove the files that the targets above create
	rm -rf .venv dist out .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
