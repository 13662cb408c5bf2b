"""Timelines from a repository's history: every version of a file, or the file as each tag has it.

``log.py`` and ``tags.py`` are the sources. ``place.py`` finds the repository and refuses what cannot be read in it,
``walk.py`` follows a path through the commits, ``files.py`` reads a model out of one. Nothing is checked out, nothing
is written, and no program is started.
"""
