"""Inference without torch: ONNX graphs built from a model folder, run by ONNX Runtime."""
