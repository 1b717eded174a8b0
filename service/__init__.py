"""Neural style transfer (Gatys, Ecker, Bethge 2015/2016) as an HTTP service: by optimisation, or by painters."""

import os

__version__ = "0.1.0"

# ONNX Runtime reports to its vendor unless this is set before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
