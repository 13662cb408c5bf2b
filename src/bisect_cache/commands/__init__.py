"""The commands, a file each; what they share is in ``showing.py``, and what their options mean in ``*_options.py``."""
