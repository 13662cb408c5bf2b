"""``python -m bisect_cache`` is the command line."""

from bisect_cache.cli import main

main()
