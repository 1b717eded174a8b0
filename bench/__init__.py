"""Benchmarks of the service and, for comparison, of other style transfers."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))  # the tests' helpers start the service
