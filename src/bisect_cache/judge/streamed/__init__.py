"""Judging on a cache too large to be held: batch by batch, all models of a round in one pass over the rows."""
