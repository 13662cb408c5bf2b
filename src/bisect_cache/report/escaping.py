"""Text from strangers inside Markdown: in a code span or escaped, never as it is.

Whatever a name holds, a table keeps its columns, nobody is pinged, and nothing becomes a link, HTML or a command.
"""

from __future__ import annotations

import re
import shlex

from bisect_cache.printable import one_line, printable

_LONGEST_NAME = 200
_LONGEST_PROSE = 2000
LONGEST_VERDICT = 8000
"""Characters: more than any verdict of ours has, so that only a stranger's is ever cut."""
_LONGEST_COMMAND = 4000
"""A shell takes more, and nobody reads it."""
_REPRODUCES = (["bisect-cache", "bisect"], ["bisect-cache", "check"])
_PUNCTUATION = re.compile(r"([\\`*_{}\[\]()#+\-!|~>$])")
_NUMBERED = re.compile(r"^(\d+)\.(?= |$)")
_ZERO_WIDTH = "\u200b"
_LIVE = re.compile(r"[@#]|:(?=//|[\w\\+-]+:)|(?<![a-z0-9])(?:gh\\?-(?=\d)|www(?=\.))", re.IGNORECASE)
"""Where a mention, an issue, an address or an emoji begins, with what is escaped by then."""


def code(text: str) -> str:
    """``text`` as a code span, cut where it is long."""
    shown = printable(one_line(text), _LONGEST_NAME)
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if longest else ""
    return f"{fence}{pad}{shown or ' '}{pad}{fence}"


def cell(text: str) -> str:
    """``text`` as a code span within a table, where a pipe would end the cell."""
    return code(text).replace("|", "\\|")


def prose(text: str, longest: int = _LONGEST_PROSE) -> str:
    """``text`` as plain words, cut where it is long."""
    shown = printable(one_line(text), longest).replace("&", "&amp;").replace("<", "&lt;")
    return _quiet(_NUMBERED.sub(r"\1\\.", _PUNCTUATION.sub(r"\\\1", shown)))


def whole(verdict: str) -> str:
    """A verdict as plain words: ours are never cut."""
    return prose(verdict, LONGEST_VERDICT)


def html(text: str) -> str:
    """``text`` inside an HTML element, where Markdown is not read: plain words, cut where it is long."""
    shown = printable(one_line(text), _LONGEST_PROSE)
    return _quiet(shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))


def _quiet(text: str) -> str:
    """``text`` in which GitHub finds no mention, no issue and no link: it looks for them when Markdown is done."""
    return _LIVE.sub(rf"\g<0>{_ZERO_WIDTH}", text)


def command(text: str) -> str:
    """A command of ours as a code block to be copied: one line, its words quoted anew; nothing where it is not ours.

    A report may come from a stranger, and people run what they copy: none that writes a file is shown.
    """
    try:
        words = [] if is_too_long(text) else shlex.split(one_line(text))
    except ValueError:
        return ""
    shown = shlex.join(words)
    writes = any(word.startswith("--json") for word in words)
    if words[:2] not in _REPRODUCES or writes or len(shown) > _LONGEST_COMMAND:
        return ""
    return f"```sh\n{shown}\n```"  # a line that begins with our name ends no block, whatever backticks it holds


def is_too_long(command: str) -> bool:
    """Whether a command is left out for its length alone: thousands of files by name make one."""
    return len(command) > _LONGEST_COMMAND
