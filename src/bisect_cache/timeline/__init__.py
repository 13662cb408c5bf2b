"""Where checkpoints come from. Read ``interface.py`` first; each other file is one kind of source."""
