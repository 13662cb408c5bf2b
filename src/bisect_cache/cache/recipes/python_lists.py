"""Lists of dictionaries in a Python file, as Netflix/vmaf keeps its datasets. Nothing of the file is run.

``dis_videos = [{'asset_id': 3, 'content_id': 0, 'dmos': 71.5, 'path': dis_dir + '/clip.yuv'}, …]``: a folder that is
a variable there is one of its author's machine, and reads as nothing.
"""

from __future__ import annotations

import ast
import io
import itertools
import tokenize
import warnings
from collections.abc import Iterator
from tokenize import TokenInfo

from bisect_cache.printable import printable

_DEEPEST = 20
_LONGEST_NUMBER = 100
_LONGEST_LINE = 1 << 16
"""Characters: looking for the end of a number takes some five hundred times as many bytes."""
_MOST_TOKENS = 300_000
"""Some of ten thousand clips; each takes half a kilobyte."""
_BLANK = frozenset({tokenize.NL, tokenize.COMMENT})
_WORDS = {"True": True, "False": False, "None": None}


class NoList(ValueError):
    """What cannot be read as such a list, and in which line."""


def lists_in(text: str, wanted: str | None = None) -> dict[str, list[object]]:
    """The lists that ``text`` assigns to names (to ``wanted`` alone, where given) at its outermost level.

    Raises ``NoList`` where one of them is more than texts, numbers, lists and dictionaries, or the file no Python.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an escape that Python no longer likes is what stands there
            return dict(_assigned(_tokens(text), wanted))
    except (tokenize.TokenError, SyntaxError, RecursionError, MemoryError) as error:
        raise NoList(f"it is no Python ({error})") from error


def _tokens(text: str) -> list[TokenInfo]:
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > _LONGEST_LINE:
            raise NoList(f"line {number} has more than {_LONGEST_LINE:,} characters")
    tokens = list(itertools.islice(tokenize.generate_tokens(io.StringIO(text).readline), _MOST_TOKENS + 1))
    if len(tokens) > _MOST_TOKENS:
        raise NoList(f"it has more than {_MOST_TOKENS:,} words and signs")
    return tokens


def _assigned(tokens: list[TokenInfo], wanted: str | None) -> Iterator[tuple[str, list[object]]]:
    starts = True
    for place, token in enumerate(tokens):
        after = [one.string for one in tokens[place + 1 : place + 3]]
        if starts and token.type == tokenize.NAME and after == ["=", "["] and wanted in {None, token.string}:
            value = _Reader(tokens, place + 2).value(0)
            if isinstance(value, list):
                yield token.string, value
        starts = token.type == tokenize.NEWLINE or (starts and token.type in _BLANK)


class _Reader:
    """Goes through the tokens of one value, as deep as a list of labels is."""

    def __init__(self, tokens: list[TokenInfo], place: int) -> None:
        self._tokens = tokens
        self._place = place

    def value(self, depth: int) -> object:
        """The value that begins here: texts may be added to each other."""
        if depth > _DEEPEST:
            raise self._refused("lies deeper than anything in a list of labels")
        from_folder = self._next().type == tokenize.NAME
        value = self._term(depth)
        while self._next().string == "+":
            self._take("+")
            more = self._term(depth)
            if not isinstance(value, str) or not isinstance(more, str):
                raise self._refused("ends a sum of something else than texts")
            value += more
        return value.lstrip("/") if from_folder and isinstance(value, str) else value

    def _term(self, depth: int) -> object:
        token = self._next()
        if token.string in {"[", "("}:
            return self._many(depth)
        if token.string == "{":
            return self._named(depth)
        self._place += 1
        if token.type == tokenize.STRING:
            return self._texts(token)
        if token.string == "-" or token.type == tokenize.NUMBER:
            return self._number(token)
        if token.type == tokenize.NAME:
            return _WORDS[token.string] if token.string in _WORDS else self._variable()
        self._place -= 1
        raise self._refused("is neither text, number, list nor dictionary")

    def _many(self, depth: int) -> object:
        opening = self._take().string
        closing = {"[": "]", "(": ")"}[opening]
        values = []
        commas = 0
        while self._next().string != closing:
            values.append(self.value(depth + 1))
            if self._next().string != closing:
                self._take(",")
                commas += 1
        self._take(closing)
        return values[0] if opening == "(" and len(values) == 1 and not commas else values

    def _named(self, depth: int) -> dict[str, object]:
        self._take("{")
        values: dict[str, object] = {}
        while self._next().string != "}":
            name = self.value(depth + 1)
            if not isinstance(name, str) or name in values:
                raise self._refused("follows a dictionary's name that is no text, or stands twice")
            self._take(":")
            values[name] = self.value(depth + 1)
            if self._next().string != "}":
                self._take(",")
        self._take("}")
        return values

    def _texts(self, token: TokenInfo) -> str:
        """Texts that stand side by side are one."""
        text = ""
        while True:
            try:
                value = ast.literal_eval(token.string)
            except ValueError:  # a text that Python would work out
                value = None
            if not isinstance(value, str):
                raise self._refused("is no plain text", token)
            text += value
            if self._next().type != tokenize.STRING:
                return text
            token = self._take()

    def _number(self, token: TokenInfo) -> object:
        sign = token.string if token.string == "-" else ""
        if sign:
            token = self._take()
        if token.type != tokenize.NUMBER or len(token.string) > _LONGEST_NUMBER:
            raise self._refused("is no number", token)
        value = ast.literal_eval(token.string)
        if isinstance(value, complex):
            raise self._refused("is no score", token)
        return -value if sign else value

    def _variable(self) -> str:
        while self._next().string == ".":
            self._take(".")
            self._take()
        if self._next().string in {"(", "["}:
            raise self._refused("is worked out, which only Python could do")
        return ""

    def _next(self) -> TokenInfo:
        while self._tokens[self._place].type in _BLANK:
            self._place += 1
        return self._tokens[self._place]

    def _take(self, expected: str | None = None) -> TokenInfo:
        token = self._next()
        if token.type == tokenize.ENDMARKER or (expected is not None and token.string != expected):
            raise self._refused(f"stands where {expected or 'a value'!r} should")
        self._place += 1
        return token

    def _refused(self, why: str, token: TokenInfo | None = None) -> NoList:
        token = token or self._tokens[min(self._place, len(self._tokens) - 1)]
        return NoList(f"line {token.start[0]}: {printable(token.string, 40)!r} {why}")
