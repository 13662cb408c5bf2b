"""Datasets described without their data: TOML files, those that ship with the program and those that users write.

Read ``description.py`` first: what such a file says. ``choosing.py`` makes a recipe of it for one user's folders.
"""
