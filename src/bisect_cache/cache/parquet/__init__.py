"""Parquet: written as the recipe prescribes, read after it was counted, compared by content.

``features.py`` writes and reads ``features.parquet``, whose parts ``parts.py`` finds where it is a folder. Before
pyarrow unpacks anything, ``footer.py`` reads what the file says of itself and ``pages.py`` how large it becomes, both
with ``thrift.py``. ``columns.py`` is the content whatever wrote it, ``writer.py`` what is a writer's own.
"""
