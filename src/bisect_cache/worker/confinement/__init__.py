"""What a worker may not do, and what sees to it: walls that stand one behind the other, since any may be missing.

``confine.py`` tells the story. ``limits.py`` are the resources it may take, ``user.py`` whose rights it has,
``landlock.py`` which files and ``seccomp.py`` which system calls the kernel grants; ``nothing/`` is all that it sees of
the file system.
"""
