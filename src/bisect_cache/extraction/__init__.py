"""From pairs of videos to one libvmaf report each, by a build that is known to the byte.

``pairs.py`` reads what is wanted, ``programs.py`` finds the program and says which it is, ``ffmpeg.py`` and ``vmaf.py``
know its command line, ``extracting.py`` measures one pair, ``running.py`` many.
"""
