"""Benchmarks of the service, and of others' style transfers beside it."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))  # the tests' helpers start the service
