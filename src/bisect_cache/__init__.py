"""bisect-cache: which ONNX quality model was the first to get worse, on data that is still what it was."""

__version__ = "0.1.0"
