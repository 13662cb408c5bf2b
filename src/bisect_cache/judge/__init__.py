"""The judge: predictions from a worker process, metrics, intervals, thresholds; one measurement per checkpoint.

``judge.py`` asks one worker and measures, ``pool.py`` holds several judges. The rest is pure: ``measuring.py`` with
``metrics.py`` and ``bootstrap/`` makes measurements, ``deciding.py`` holds ``thresholds.py`` against them.
"""
