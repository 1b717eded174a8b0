"""What is measured, and against whom."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))  # the tests' helpers start the service
