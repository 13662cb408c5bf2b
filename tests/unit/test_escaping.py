"""Text from strangers in Markdown: it stays in its place, says what it says, and nothing comes of it."""

import shlex
import subprocess

import pytest
from arbitrary import HOSTILE, NAMES
from as_github import GITHUB, assert_tables_hold, cells, live, page, tables
from hypothesis import example, given
from hypothesis import strategies as st

from bisect_cache.report.escaping import cell, code, command, html, prose

SEEDS = (
    "@someone",
    "x@someone.example",
    "#1",
    "owner/repo#3",
    "GH-12",
    "_gh-12",
    "http://evil.example",
    "ftp://evil.example",
    "www.evil.example",
    "_www.evil.example",
    "(WWW.evil.example",
    "::error::",
    ":bomb:",
    "<b>",
    "<!--",
    "-->",
    "&copy;",
    "&#64;",
    "**b**",
    "`c`",
    "[a](b)",
    "~~d~~",
    "$m$",
    "1.",
    "1)",
    "- ",
    "> ",
    "# ",
    "|",
    "\\",
    "\n",
    "\u202e",
    "\u200b",
    " ",
    "é",
)
TEXTS = st.one_of(NAMES, st.lists(st.sampled_from(SEEDS), max_size=6).map("".join))
ZERO_WIDTH = "\u200b"


def shown(name: str, longest: int = 10**6) -> str:
    """What a reader must see of a name: one line, and a sign for what does not print."""
    line = "".join(char if char.isprintable() else "\ufffd" for char in " ".join(name.split()))
    return line if len(line) <= longest else line[: longest - 1] + "…"


def inline(markdown: str) -> list[tuple[str, str]]:
    return [(token.type, token.content) for block in GITHUB.parse(markdown) for token in block.children or []]


def words(markdown: str) -> str:
    return " ".join("".join(page(markdown).words).replace(ZERO_WIDTH, "").split())


@given(TEXTS)
def test_a_code_span_holds_the_whole_name_and_nothing_else_comes_of_it(name: str) -> None:
    assert inline(f"a {code(name)} b") == [
        ("text", "a "),
        ("code_inline", shown(name, 200) or " "),
        ("text", " b"),
    ]


@given(TEXTS)
def test_a_name_cannot_leave_its_cell_and_is_whole_in_it(name: str) -> None:
    table = f"| a | b |\n| --- | --- |\n| {cell(name)} | end |"
    assert_tables_hold(table)
    assert cells(tables(table)[0][2])[1] == " end "
    assert ("code_inline", shown(name, 200) or " ") in inline(table)
    assert page(table).tags == ["table", "thead", "tr", "th", "th", "tbody", "tr", "td", "code", "td"]


@given(TEXTS)
def test_prose_stays_words_wherever_it_stands(text: str) -> None:
    seen, escaped = " ".join(shown(text, 2000).split()), prose(text)
    for markdown, tags, said in (
        (f"a {escaped} b", ["p"], f"a {seen} b"),
        (escaped, ["p"] if seen else [], seen),
        (f"a **b{escaped}** c", ["p", "strong"], f"a b{seen} c"),
        (f"- note: {escaped}", ["ul", "li"], f"note: {seen}"),
        (f"> {escaped}", ["blockquote", "p"] if seen else ["blockquote"], seen),
        (f"## a ({escaped})", ["h2"], f"a ({seen})"),
    ):
        assert page(markdown).tags == tags
        assert words(markdown) == " ".join(said.split())


@given(TEXTS)
def test_prose_cannot_leave_its_cell(text: str) -> None:
    table = f"| a | b |\n| --- | --- |\n| {prose(text)} | end |"
    assert_tables_hold(table)
    assert page(table).tags == ["table", "thead", "tr", "th", "th", "tbody", "tr", "td", "td"]
    assert words(table) == " ".join(f"a b {shown(text, 2000)} end".split())


@given(TEXTS)
def test_within_html_a_text_stays_words(text: str) -> None:
    markdown = f"<details><summary>a {html(text)} b</summary>\n\nc\n\n</details>\n"
    assert page(markdown).tags == ["details", "summary", "p"]
    assert page(markdown).comments == []
    assert words(markdown) == " ".join(f"a {shown(text, 2000)} b c".split())


@given(TEXTS)
@example("_www.evil.example")
@example("__GH-12")
@example("@@@me ##1 http:////x")
def test_github_finds_nobody_to_tell_and_nothing_to_link_in_any_name(text: str) -> None:
    for markdown in (
        f"a {prose(text)} b",
        prose(text),
        f"a {code(text)} b",
        f"| a |\n| --- |\n| {prose(text)} |\n| {cell(text)} |",
        f"<details><summary>{html(text)}</summary></details>",
    ):
        assert live(markdown) == []
        assert "a" not in page(markdown).tags


@pytest.mark.parametrize("seed", SEEDS)
def test_each_live_sign_is_quieted_also_at_the_start_and_between_others(seed: str) -> None:
    for text in (seed, f"x {seed} y", f"({seed})", f"_{seed}1", f"{seed}{seed}"):
        assert live(prose(text)) == []
        assert live(f"<p>{html(text)}</p>") == []


def test_the_measure_itself_finds_what_github_would_find() -> None:
    for text in ("@me", "#1", "GH-12", "o/r#3", "http://x", "www.x", "(www.x", ":bomb:", "a@b.c"):
        assert live(text)
        assert not live(f"`{text}`")


@pytest.mark.parametrize("text", ["1. one", "12. x", "1.", "1) one", "+ a", "- a", "* a", "# a", "> a", "===", "---"])
def test_a_text_at_the_start_of_a_line_is_no_list_heading_or_rule(text: str) -> None:
    assert page(prose(text)).tags == ["p"]
    assert words(prose(text)) == text


def test_no_sign_of_prose_begins_a_formula() -> None:
    assert prose("$x$ $$y$$") == r"\$x\$ \$\$y\$\$"


def test_versions_and_plain_words_are_left_as_they_are() -> None:
    for text in ("0.6.3", "12.5 percent", "model a: PLCC 0.9, at 12:30", "high-1", "email at example.org", "a/b"):
        assert words(prose(text)) == text
        assert ZERO_WIDTH not in prose(text)


def test_what_is_long_is_cut_with_a_sign() -> None:
    assert code("x" * 5000) == f"`{'x' * 199}…`"
    assert prose("x" * 5000) == "x" * 1999 + "…"
    assert html("x" * 5000) == "x" * 1999 + "…"
    assert prose("abcdefgh", 4) == "abc…"
    assert prose("x" * 2000) == "x" * 2000


def blocks(text: str) -> list[str]:
    """The lines of the one code block that a command is shown in; none where it is not shown."""
    shown_as = command(text)
    tokens = GITHUB.parse(f"<details>\n\n{shown_as}\n\n</details>\n")
    fences = [token for token in tokens if token.type == "fence"]
    assert [token.type for token in tokens] == ["html_block", *("fence" for _ in fences), "html_block"]
    assert len(fences) <= 1
    assert all(fence.info == "sh" for fence in fences)
    return fences[0].content.splitlines() if fences else []


@given(st.sampled_from(["bisect", "check"]), st.lists(TEXTS, max_size=4))
@example("bisect", ["`" * 5, "```", "a\n```\nb"])
@example("bisect", ["$(touch x)", ";", "&&", "|", "~", "!", "*", "\\", "'", '"', "#"])
def test_a_command_of_ours_is_shown_on_one_line_with_its_words_quoted(name: str, arguments: list[str]) -> None:
    asked = shlex.join(["bisect-cache", name, *arguments])
    lines = blocks(asked)
    if not lines:
        assert len(asked) > 2000 or any(word.startswith("--json") for word in arguments)
        return
    assert len(lines) == 1
    expected = ["bisect-cache", name, *(" ".join(word.split()) for word in arguments)]
    assert [" ".join(word.split()) for word in shlex.split(lines[0])] == [
        "".join(char if char.isprintable() else "\ufffd" for char in word) for word in expected
    ]
    assert_nothing_is_live(lines[0])


@given(st.one_of(TEXTS, st.text("bisect-cache check';|&$`\"\\ \n<>(){}~!#*?=", max_size=40)), st.booleans())
@example("; rm -rf /", True)
@example("`touch x` $(touch y) > z < w & v | u", True)
def test_whatever_a_report_gives_as_a_command_no_operator_of_the_shell_is_live(text: str, ours: bool) -> None:
    for line in blocks(f"bisect-cache bisect {text}" if ours else text):
        assert shlex.split(line)[:2] in (["bisect-cache", "bisect"], ["bisect-cache", "check"])
        assert_nothing_is_live(line)


def assert_nothing_is_live(line: str) -> None:
    with_operators = shlex.shlex(line, posix=True, punctuation_chars=True)
    with_operators.whitespace_split = True
    with_operators.commenters = ""
    assert list(with_operators) == shlex.split(line)
    unquoted = "".join(part for place, part in enumerate(line.replace('"\'"', "").split("'")) if place % 2 == 0)
    assert not set(unquoted) & set('$`\\"!*?[]{}()<>|&;~#')


def test_a_shell_reads_the_words_of_a_command_as_they_are() -> None:
    words_given = ["--timeline", "files:$(touch x);`y`|z>&w!*?~ \"q\" 'r' \\", "#", "~", "a b"]
    (line,) = blocks(shlex.join(["bisect-cache", "bisect", *words_given]))
    heard = subprocess.run(
        ["sh", "-c", f"set -- {line}; printf '%s\\n' \"$@\""], capture_output=True, text=True, check=True
    )
    assert heard.stdout.splitlines() == ["bisect-cache", "bisect", *words_given]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rm -rf /",
        "bisect-cache",
        "bisect-cache-evil bisect",
        "./bisect-cache bisect",
        "bisect-cache generate /home",
        "bisect-cache bisect; rm -rf /",
        "bisect-cache bisect --json /home/me/notes",
        "bisect-cache check --json=/home/me/notes",
        "X=1 bisect-cache bisect",
        "bisect-cache bisect 'unbalanced",
        "bisect-cache bisect " + "x" * 4000,
        "bisect-cache bisect " + "\\'" * 1900,
        *HOSTILE,
    ],
)
def test_what_is_no_command_of_ours_or_writes_or_is_endless_is_not_shown(text: str) -> None:
    assert command(text) == ""


def test_a_plain_command_is_shown_as_it_is() -> None:
    asked = "bisect-cache bisect --cache clips --timeline 'files:models/*.onnx' --threshold 'plcc >= 0.8'"
    assert command(asked) == f"```sh\n{asked}\n```"
