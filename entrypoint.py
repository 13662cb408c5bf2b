"""The container action's entry: it only calls the package."""

import sys

from bisect_cache.action.guard import guarded


def act() -> int:
    """Run the action."""
    from bisect_cache.action.main import main

    return main()


def crashed(by: str) -> int:
    """Say that the run was brought down."""
    from bisect_cache.action.main import crashed

    return crashed(by)


def cancelled(by: str) -> None:
    """Say that the run was stopped."""
    from bisect_cache.action.cancelled import cancelled

    cancelled(by)


if __name__ == "__main__":
    sys.exit(guarded(act, crashed, cancelled))
