"""The cache: its manifest, how it is made, read and fingerprinted, and how drift is found.

Read ``manifest.py`` first (the contract), then ``recipes/`` (how a cache is made), ``generate.py`` (written
whole or not at all), ``features.py`` (read back for the judge) and ``check.py`` (does it still regenerate?).
"""
