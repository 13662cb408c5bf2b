"""Files that hold a table, each format in a file of its own: its columns are known once it is open.

Read ``../labelled_table.py`` first: what opening one gives.
"""
