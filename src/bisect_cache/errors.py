"""The one kind of error that a user is meant to read."""

from bisect_cache.printable import one_line, printable

_LONGEST = 8000


class BisectCacheError(Exception):
    """What was found, where, and what to do next.

    The text is shown to the user as it is, without a traceback, and the run ends with exit code 2.
    Subclasses live in the module that raises them.
    """


class OfStrangers(BisectCacheError):
    """An error that quotes what anybody may have written: one printable line of bounded length, whatever that holds."""

    def __init__(self, said: str) -> None:
        super().__init__(printable(one_line(said), _LONGEST))


def as_said(error: Exception) -> BisectCacheError:
    """``error`` as a user reads it: as it is, or as a fault of this program."""
    if isinstance(error, BisectCacheError):
        return error
    return BisectCacheError(
        f"an error of bisect-cache itself ({type(error).__name__}: {error}). Please report it; with "
        f"BISECT_CACHE_DEBUG=1 in the environment, and in a workflow with debug logging, the whole traceback is shown"
    )
