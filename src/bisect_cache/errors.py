"""The one kind of error that a user is meant to read."""


class BisectCacheError(Exception):
    """What was found, where, and what to do next.

    The text is shown to the user as it is, without a traceback, and the run ends with exit code 2.
    Subclasses live in the module that raises them.
    """
