"""The style transfer itself: pure torch, no HTTP, no database, no ONNX Runtime."""
