"""Mutations of text files, each made by a seeded generator: of JSON, CSV, YAML, zip archives and plain lines.

A mutation of the structure is written back as text that is whole around it, so that what is read gets past the
grammar and meets the lie inside. What JSON's own writers cannot say (a key twice, NaN, half a character) is written
by hand.
"""

from __future__ import annotations

import csv
import io
import json
import struct
import warnings
import zipfile
from collections.abc import Callable, Mapping
from random import Random

from mutating import bytewise
from mutating_parquet import mutated_parquet

LONGEST = 1 << 20
"""Bytes of a mutation: more shows nothing more, and takes longer."""


class Raw(str):
    """JSON as it stands, sound or not."""

    __slots__ = ()


class Pairs(list[tuple[object, object]]):
    """An object of JSON, in which a name may stand twice."""


_DIGITS = "9" * 5000
_DEEP = (200, 3000, 100_000)
_NUMBERS = ("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1e-400", "-0", "-0.0", "0x10", "1_0", "01", "+1", ".5")
_NUMBERS += (
    _DIGITS,
    f"-{_DIGITS}",
    f"0.{_DIGITS}",
    f"1e{_DIGITS}",
    "18446744073709551616",
    "-9223372036854775809",
    "1e22",
)
_NUMBERS += ("0", "1", "-1", "2147483648", "4294967296", "1e15", "0.1", "1.0")
_STRINGS = (r'"\ud800"', r'"\udc00\ud800"', r'"\u0000"', r'"a\u0000b"', r'"\ud83d\ude00"', r'"\u202e"', r'"\u2028"')
_STRINGS += ('"\x00"', '"\n"', '"\x1b[31m"', r'"\x"', '"unended', '""', '" "', '"../../etc/passwd"', '"/dev/zero"')
_STRINGS += (
    '"/proc/self/environ"',
    '"MODELS/../../x.onnx"',
    '"C:\\\\x"',
    '"~/.ssh/id_rsa"',
    '"a\\\\..\\\\b"',
    '"."',
    '".."',
)
_STRINGS += (
    '"models/"',
    '"-"',
    '"--json=x"',
    '"<!-- x -->"',
    '"::error::x"',
    '"|"',
    '"mos"',
    '"row"',
    '"key"',
    '"nan"',
)
_STRINGS += (f'"{"A" * 10_000}"', f'"{"../" * 2000}x"', f'"{"a/" * 3000}x"', '"sha256:' + "0" * 64 + '"', '"{key}"')
_WORDS = ("null", "true", "false", "[]", "{}", "[[]]", '{"":0}', "[0]", '{"a":{}}', '[{"a":1,"a":2}]')
_PLACES = ("../x", "/etc/passwd", "/dev/zero", "a\0b", "A" * 300, "x" * 5000, "\ud800".encode("utf-8", "surrogatepass"))
_YAML = ("&a x", "*a", "<<: *a", "<<: {a: b}", "!!python/object/apply:os.system [id]", "!!binary aGk=", "!!timestamp x")
_YAML += (
    "? {a: b} : c",
    "? [a, b]\n: c",
    "{? {? {? {a: b} : c} : d} : e}",
    "---",
    "...",
    "%YAML 9.9",
    "%TAG ! x",
    "|\n x",
    "> x",
)
_YAML += (
    "2001-12-14t21:59:43.10-05:00",
    "0b101",
    "0o17",
    "1:20:30",
    "0x1F",
    ".inf",
    ".nan",
    "=",
    "yes",
    "Off",
    "~",
    _DIGITS,
)
_YAML += (
    '"\\ud800"',
    '"\\U0010FFFF"',
    '"\\UFFFFFFFF"',
    '"\\x41"',
    "'",
    '"',
    "[",
    "{",
    "]",
    "}",
    ": ",
    "- ",
    "? ",
    "\t",
    "#",
    "@",
    "`",
)
_YAML += ("[" * 100, "{" * 100, "- " * 100, "? " * 100, "[" * 20_000, "{a: " * 20_000, "- " * 20_000, "&a [*a]")
_CELLS = (
    "",
    " ",
    "nan",
    "NaN",
    "inf",
    "-inf",
    "1e400",
    _DIGITS,
    "0x1p3",
    "1_0",
    "\uff11",
    "é",
    "\0",
    '"',
    '""',
    "\r",
    "\n",
    '"\n"',
)
_CELLS += (
    "mos",
    "key",
    "row",
    "..",
    "../x",
    "/etc/passwd",
    "=1+1",
    "x" * 200_000,
    "\u202e",
    "\x1b[0m",
    "a/b",
    "{key}",
    ";",
)
_LINES = (
    *_CELLS,
    *(text.strip('"') for text in _STRINGS),
    "<!-- bisect-cache run=99999999999999999999 -->",
    "\u2028",
    "٣",
)
_LINES += (
    "<!-- bisect-cache night W10= -->",
    "<!-- bisect-cache comment key=other -->",
    "a=b&c=d",
    "%00",
    "%ff",
    "**",
    "[",
    "@",
    "x" * 9000,
)


def mutated(kind: str, data: bytes, random: Random) -> bytes:
    """A mutation of ``data``, which is a file of that kind: of its bytes, of what it says, of how it is encoded."""
    how = random.random()
    if how < 0.25:
        changed = bytewise(data or b"\0", random)
    elif how < 0.33:
        changed = _encoded_otherwise(data, random)
    else:
        changed = data
        for _ in range(random.choice((1, 1, 1, 2, 3))):
            changed = _of_its_kind(kind, changed, random)
    return changed[:LONGEST]


def _of_its_kind(kind: str, data: bytes, random: Random) -> bytes:
    try:
        return KINDS[kind](data, random)
    except Exception:  # it is no such file any more, whatever its library says of that
        return bytewise(data or b"\0", random)


def _encoded_otherwise(data: bytes, random: Random) -> bytes:
    text = data.decode("utf-8", "replace")
    return random.choice(
        (
            lambda: b"\xef\xbb\xbf" + data,
            lambda: b"\xef\xbb\xbf\xef\xbb\xbf" + data,
            lambda: text.encode("utf-16"),
            lambda: text.encode("utf-16-be"),
            lambda: text.encode("utf-32"),
            lambda: text.encode("utf-7"),
            lambda: text.encode("latin-1", "replace"),
            lambda: data + b"\0",
            lambda: b"\0" + data,
            lambda: data * 2,
            lambda: data[: len(data) // 2],
            lambda: data.replace(b"\n", b"\r\n"),
            lambda: data.replace(b"\n", b"\r"),
            lambda: b"",
        )
    )()


# JSON


def _json(data: bytes, random: Random) -> bytes:
    value = json.loads(data.decode("utf-8-sig"), object_pairs_hook=Pairs)
    place = random.choice(_places(value) or [None])
    if place is None:
        return _hostile(random).encode("utf-8", "surrogatepass")
    _change(*place, random)
    return _written(value).encode("utf-8", "surrogatepass")


def _places(value: object) -> list[tuple[list[object], int] | None]:
    found: list[tuple[list[object], int] | None] = []
    waiting = [value]
    while waiting:
        here = waiting.pop()
        if isinstance(here, list):
            found.extend((here, place) for place in range(len(here)))
            waiting.extend(pair[1] for pair in here) if isinstance(here, Pairs) else waiting.extend(here)
    return found


def _change(parent: list[object], place: int, random: Random) -> None:
    item = parent[place]
    name, value = item if isinstance(parent, Pairs) else (None, item)  # type: ignore[misc]

    def put(new: object, called: object = name) -> None:
        parent[place] = (called, new) if isinstance(parent, Pairs) else new

    how = random.random()
    if how < 0.45:
        put(Raw(_hostile(random)))
    elif how < 0.55:
        del parent[place]
    elif how < 0.65:
        parent.insert(place, (name, Raw(_hostile(random))) if isinstance(parent, Pairs) else value)
    elif how < 0.7:
        parent.extend([item] * random.choice((1, 10, 300)))
    elif how < 0.8 and isinstance(parent, Pairs):
        put(value, Raw(random.choice((*_STRINGS, *_NUMBERS[:3], "null", "[]"))))
    else:
        put(_another(value, random))


def _another(value: object, random: Random) -> object:
    """Another value of the same kind, or the same inside another."""
    if random.random() < 0.3:
        return random.choice(([value], Pairs([("a", value)])))
    if isinstance(value, int | float):
        return random.choice((-value, value + 1, value * 1e6, str(value), not value))
    if isinstance(value, str):
        return random.choice((value * 2, value[:-1], value.swapcase(), f"../{value}", f"{value}\0", f" {value}\n"))
    return type(value)(random.sample(value, len(value))) if isinstance(value, list) else None


def _hostile(random: Random) -> str:
    how = random.random()
    if how < 0.08:
        deep = random.choice(_DEEP)
        return random.choice(("[" * deep, "[" * deep + "]" * deep, '{"a":' * deep, '{"a":' * deep + "0" + "}" * deep))
    return random.choice(_NUMBERS if how < 0.35 else _STRINGS if how < 0.75 else _WORDS)


def _written(value: object) -> str:
    if isinstance(value, Raw):
        return value
    if isinstance(value, Pairs):
        return f"{{{', '.join(f'{_written(name)}: {_written(inner)}' for name, inner in value)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    return json.dumps(value)


# YAML, which is also read from what is JSON


def _yaml(data: bytes, random: Random) -> bytes:
    if random.random() < 0.3:
        return _json(data, random)
    lines = data.decode("utf-8", "replace").split("\n")
    place, token = random.randrange(len(lines)), random.choice(_YAML)
    how = random.random()
    if how < 0.5 and ": " in lines[place]:
        lines[place] = f"{lines[place].partition(': ')[0]}: {token}"
    elif how < 0.7:
        indent = len(lines[place]) - len(lines[place].lstrip())
        lines.insert(place, " " * indent + token)
    elif how < 0.8:
        lines[place] = " " * random.choice((1, 2, 5)) + lines[place]
    elif how < 0.9:
        lines[place] = lines[place].replace(":", random.choice((": &a", ": *a", "", ": !x", " ?")), 1)
    else:
        levels = random.choice((10, 40, 63, 64, 65, 500))
        lines[place] = "{? " * levels + "{a: b}" + " : c}" * levels
    return "\n".join(lines).encode()


# CSV


def _csv(data: bytes, random: Random) -> bytes:
    rows = list(csv.reader(io.StringIO(data.decode("utf-8", "replace").replace("\0", ""), newline="")))
    if not rows:
        return random.choice(_CELLS).encode()
    row = random.choice(rows)
    how = random.random()
    if how < 0.5 and row:
        row[random.randrange(len(row))] = random.choice(_CELLS)
    elif how < 0.6:
        rows.remove(row)
    elif how < 0.7:
        rows.insert(0, row)
    elif how < 0.8:
        row.append(random.choice(_CELLS))
    elif how < 0.9 and row:
        del row[random.randrange(len(row))]
    else:
        rows.extend([row] * random.choice((1, 10, 500)))
    out = io.StringIO()
    separator = random.choice((",", ",", ",", ";", "\t"))
    with_quotes = random.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL))
    csv.writer(out, delimiter=separator, quoting=with_quotes).writerows(rows)
    return out.getvalue().encode("utf-8", "surrogatepass")


# Lines


def _lines(data: bytes, random: Random) -> bytes:
    lines = data.decode("utf-8", "replace").split("\n")
    place, token = random.randrange(len(lines)), random.choice(_LINES)
    how = random.random()
    if how < 0.35:
        words = lines[place].split(" ")
        words[random.randrange(len(words))] = token
        lines[place] = " ".join(words)
    elif how < 0.6:
        at = random.randrange(len(lines[place]) + 1)
        lines[place] = lines[place][:at] + token + lines[place][at:]
    elif how < 0.75:
        lines.insert(place, token)
    elif how < 0.85:
        lines.insert(place, lines[place] * random.choice((1, 2, 100)))
    else:
        del lines[place]
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def _of_query(change: Callable[[bytes, Random], bytes], data: bytes, random: Random) -> bytes:
    """A first line that asks, and a document that answers."""
    query, _, document = data.partition(b"\n")
    if random.random() < 0.2:
        return _lines(query, random).replace(b"\n", b"") + b"\n" + document
    return query + b"\n" + change(document, random)


# Zip archives: one JSON member and what may stand around it


def _zip(data: bytes, random: Random) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        name = archive.namelist()[0]
        inside = archive.read(name)
    how = random.random()
    if how < 0.3:
        return zipped({name: mutated("json", inside, random)})
    if how < 0.5:
        other = random.choice(
            ("../" + name, "/" + name, name.upper(), f"{name}\0", "\\" + name, "/", f"a/{name}", "x" * 60_000)
        )
        return zipped({other: inside})
    if how < 0.6:
        return zipped({name: inside}, random.choice((zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_STORED)))
    if how < 0.65:
        return zipped({name: b" " * (9 << 20) + inside})
    if how < 0.75:
        return zipped({name: inside, **{f"{number}.json": b"" for number in range(random.choice((1, 2000)))}})
    return _with_a_lie(data, random)


def zipped(members: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive."""
    made = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(made, "w", compression) as archive:
        warnings.simplefilter("ignore")  # a name twice
        for name, data in members.items():
            archive.writestr(name, data)
    return made.getvalue()


def _with_a_lie(data: bytes, random: Random) -> bytes:
    """Another number in one of the fields of the directory at the end, or of the head of a member."""
    starts = [place for sign in (b"PK\1\2", b"PK\3\4", b"PK\5\6") if (place := data.find(sign)) >= 0]
    start = random.choice(starts or [0])
    field = start + random.choice((4, 6, 8, 10, 14, 16, 18, 20, 22, 24, 26, 28, 30, 34, 42))
    lie = random.choice((0, 1, 8, 9, 12, 14, 99, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF))
    packed = struct.pack("<H" if lie <= 0xFFFF else "<I", lie)
    return data[:field] + packed + data[field + len(packed) :]


def _answers(data: bytes, random: Random) -> bytes:
    from fuzz.answering import changed  # which changes heads with what stands here

    return changed(data, random)


KINDS: Mapping[str, Callable[[bytes, Random], bytes]] = {
    "json": _json,
    "yaml": _yaml,
    "csv": _csv,
    "lines": _lines,
    "zip": _zip,
    "json of a query": lambda data, random: _of_query(_json, data, random),
    "yaml of a query": lambda data, random: _of_query(_yaml, data, random),
    "parquet": mutated_parquet,
    "answers": _answers,
}
