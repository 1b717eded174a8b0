"""Benchmarks of the service and, for comparison, of other style transfers."""

import sys
from pathlib import Path

import service  # noqa: F401 - it sets what ONNX Runtime reads when it is imported

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))  # the tests' helpers start the service
