"""The report that a run leaves, and everything that is rendered from it: terminal, Markdown, annotations."""
