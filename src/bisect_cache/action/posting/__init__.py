"""What is said in the repository's conversations, and how: comments and issues of our own, and nobody else's.

``posting.py`` tells the story; ``api.py`` is the only file that speaks to the server; ``patience.py`` is pure.
"""
