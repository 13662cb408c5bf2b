"""The paired bootstrap: resamples drawn once, every metric of every model in each of them, intervals.

``resampling.py`` tells the story; ``moments.py`` is PLCC and both RMSE, ``ranks.py`` SROCC by rows and ``tensors.py``
by contents; ``intervals.py`` makes intervals and p-values of what comes out. Pure.
"""
