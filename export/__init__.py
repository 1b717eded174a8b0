"""Conversion of VGG19 weights from any known source to models/vgg19.onnx, the one file that the service reads.

containers (bytes -> named arrays) -> formats (names -> convolutions, colours) -> graph (ONNX)
-> check (ONNX Runtime against torch) -> publish (whole and checked, or not at all).
"""

import os

# ONNX Runtime reports to its vendor unless this is set before it is imported; blank, it counts as not set.
os.environ["ORT_DISABLE_TELEMETRY"] = os.environ.get("ORT_DISABLE_TELEMETRY", "").strip() or "1"
