"""Where tasks run: in threads of this process, or on a cluster. Whoever submits them need not know which.

``interface.py`` is what both give, ``threads.py`` this process, ``cluster.py`` a dask cluster (the only file that
imports dask), ``choosing.py`` what ``--executor`` means; ``of_a_run.py`` is what each process has of its own.
"""
