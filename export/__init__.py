"""Conversion of VGG19 weights from any known source to models/vgg19.onnx, the one file that the service reads.

containers (bytes -> named arrays) -> formats (names -> convolutions, colours) -> graph (ONNX)
-> check (ONNX Runtime against torch) -> publish (whole and checked, or not at all).
"""
