"""The container action's entry: it only calls the package."""

import sys

from bisect_cache.action.main import main

if __name__ == "__main__":
    sys.exit(main())
