"""The action: inputs from the workflow, one run, and every surface that GitHub shows.

``main.py`` tells the story; ``inputs.py``, ``failing.py`` and ``annotations.py`` are pure; ``surfaces.py`` writes.
"""
