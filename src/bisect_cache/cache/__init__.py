"""The cache: its manifest, how it is made, read and fingerprinted, and how drift is found.

Read ``manifest.py`` first (the contract), then ``recipes/`` (how a cache is made), ``generate.py`` (written
whole or not at all, put in its place by ``placing.py``), ``opened.py`` (read back for the judge) and ``check.py`` (does
it still regenerate?). ``parquet/`` and ``models/`` are what the two read files with that come from anybody.
"""
