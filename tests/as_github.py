"""Markdown as GitHub reads it: tables, words, and what GitHub makes of words: links, mentions, emoji."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from markdown_it import MarkdownIt

GITHUB = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
_LIVE = {
    "mention": re.compile(r"@\w"),
    "issue": re.compile(r"#\d|\bgh-\d", re.IGNORECASE),
    "address": re.compile(r"\w://|(?<![a-z0-9])www\.", re.IGNORECASE),
    "emoji": re.compile(r":[\w+-]+:"),
}
_EXEMPT = frozenset({"a", "code", "pre"})


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []
        self.comments: list[str] = []
        self._exempt = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)
        self._exempt += tag in _EXEMPT

    def handle_endtag(self, tag: str) -> None:
        self._exempt -= tag in _EXEMPT

    def handle_data(self, data: str) -> None:
        if not self._exempt:
            self.words.append(data)

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


def page(markdown: str) -> _Page:
    """The page with its tags and with its words outside of links and code."""
    read = _Page()
    read.feed(GITHUB.render(markdown))
    read.close()
    return read


def live(markdown: str) -> list[tuple[str, str]]:
    """What GitHub makes of words when Markdown is done: mentions, issues, links, emoji. Code and links are exempt."""
    return [(kind, words) for words in page(markdown).words for kind, sign in _LIVE.items() if sign.search(words)]


def tables(markdown: str) -> list[list[str]]:
    """The source lines of each table."""
    lines = markdown.split("\n")
    opened = [token.map for token in GITHUB.parse(markdown) if token.type == "table_open"]
    return [lines[start:end] for start, end in filter(None, opened)]


def cells(line: str) -> list[str]:
    """The cells of one line: a pipe behind a backslash divides nothing, within code neither."""
    return re.split(r"(?<!\\)\|", line.strip())[1:-1]


def assert_tables_hold(markdown: str) -> None:
    """Every row has the cells of its header, and no row stands outside of a table."""
    found = tables(markdown)
    for table in found:
        assert {len(cells(line)) for line in table} == {len(cells(table[0]))}, table
    rows = sum(line.startswith("|") for line in markdown.split("\n"))
    assert rows == sum(map(len, found))
