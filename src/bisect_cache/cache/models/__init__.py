"""Models as files of a cache, compared and never run: by onnx, in the process that holds the verdict.

``parsing.py`` counts a model's parts before onnx takes it in, ``external_data.py`` puts weights back into it that lie
beside it, ``model_drift.py`` says what differs between two.
"""
