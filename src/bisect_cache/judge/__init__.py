"""The judge: predictions from a worker process, metrics, thresholds, one judgement per checkpoint.

``judge.py`` tells the story; ``process.py`` is the parent's side of the worker and ``worker.py`` the other one,
with ``protocol.py`` between them; ``feeding.py`` decides how a model is fed; ``metrics.py`` and
``thresholds.py`` are pure.
"""
