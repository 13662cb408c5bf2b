"""The worker process, the only one that loads a model, and the parent's side of it.

``process.py`` starts a worker, gives it a model and a deadline, and replaces it; ``protocol.py`` is what the two say.
On the other side ``serving.py`` answers: ``external.py`` finds the files that a model names, ``feeding.py`` decides how
it is fed, ``predicting.py`` feeds it. Before it sees the first model, ``confinement/`` takes from the worker all that
it does not need.
"""
