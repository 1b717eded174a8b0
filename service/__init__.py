"""Neural style transfer (Gatys, Ecker, Bethge 2015/2016) as an HTTP service: by optimisation, or by painters."""

import os

__version__ = "0.1.0"

# ONNX Runtime reports to its vendor unless this is set before it is imported; blank, it counts as not set.
os.environ["ORT_DISABLE_TELEMETRY"] = os.environ.get("ORT_DISABLE_TELEMETRY", "").strip() or "1"
