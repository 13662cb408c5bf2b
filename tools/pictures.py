"""Draws the pictures of the documentation: every Markdown file in docs/images as GitHub shows it, a PNG beside it.

python tools/pictures.py [FILE.md ...]            # draw these, or all of docs/images
python tools/pictures.py --check [FILE.md ...]    # exit 1 where a picture is not of the Markdown beside it

A picture keeps the hash of its Markdown in a text chunk of its own. Only drawing needs Chromium and Node's packages.
"""

from __future__ import annotations

import argparse
import hashlib
import struct
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
COLUMN = 852
"""Pixels of text; with its margins, a picture is 900 wide."""
LARGEST = 250_000
"""Bytes that a picture may have: a page with a few of them is still quick to open."""
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KEYWORD = b"sha256 of the Markdown"


class BadPicture(Exception):
    """A file that is no PNG, or a picture that could not be made."""


def main(arguments: Sequence[str]) -> int:
    """Draw or check; what the command ends with."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="draw nothing; exit 1 where a picture is not current")
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE.md")
    options = parser.parse_args(arguments)
    files = options.files or sorted(IMAGES.glob("*.md"))
    if options.check:
        return check(files)
    try:
        draw(files)
    except BadPicture as reason:
        print(reason, file=sys.stderr)
        return 1
    return 0


def check(files: Sequence[Path]) -> int:
    """Say which pictures are not of the Markdown beside them."""
    wrong = [(file, reason) for file in files if (reason := fault(file))]
    for file, reason in wrong:
        print(f"{file}: {reason}; draw it with: python tools/pictures.py {file}", file=sys.stderr)
    return 1 if wrong else 0


def fault(markdown: Path) -> str | None:
    """What is wrong with the picture of this file; None where it is current."""
    picture = markdown.with_suffix(".png")
    if not picture.is_file():
        return f"there is no {picture.name} beside it"
    try:
        drawn_from = recorded(picture.read_bytes())
    except BadPicture as reason:
        return f"{picture.name}: {reason}"
    if drawn_from is None:
        return f"{picture.name} does not say what it was drawn from"
    return None if drawn_from == _hash(markdown) else f"{picture.name} shows an older text"


def draw(files: Sequence[Path]) -> None:
    """Draw each file and put its picture beside it."""
    sys.path.insert(0, str(ROOT / "tests" / "platform"))
    from drawing import Browser, CannotDraw, NoBrowser, find_browser
    from node_toolbox import NoPackages, default_folder, installed

    try:
        browser = Browser(find_browser(), installed(default_folder()))
        pictures = [browser.picture(file.read_text(encoding="utf-8"), column=COLUMN) for file in files]
    except (CannotDraw, NoBrowser, NoPackages) as reason:
        raise BadPicture(str(reason)) from None
    for file, drawn in zip(files, pictures, strict=True):
        picture = with_record(drawn, _hash(file))
        if len(picture) > LARGEST:
            raise BadPicture(f"{file}: its picture has {len(picture)} bytes, more than {LARGEST}; make it shorter")
        file.with_suffix(".png").write_bytes(picture)
        print(f"{file.with_suffix('.png')}: {len(picture)} bytes")


def with_record(png: bytes, digest: str) -> bytes:
    """The same picture with a text chunk that says what it was drawn from."""
    header, *rest = _chunks(png)
    written = _SIGNATURE
    for kind, data in [header, (b"tEXt", _KEYWORD + b"\0" + digest.encode()), *rest]:
        written += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return written


def recorded(png: bytes) -> str | None:
    """The hash in a picture's text chunk."""
    for kind, data in _chunks(png):
        keyword, _, text = data.partition(b"\0")
        if kind == b"tEXt" and keyword == _KEYWORD:
            return text.decode("latin-1")
    return None


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """A PNG's chunks: kind and data (PNG specification, section 5.3)."""
    if not png.startswith(_SIGNATURE):
        raise BadPicture("no PNG")
    at = len(_SIGNATURE)
    while at < len(png):
        if len(png) < at + 12:
            raise BadPicture("cut short")
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        data = png[at + 8 : at + 8 + length]
        if len(png) < at + 12 + length:
            raise BadPicture("cut short")
        yield kind, data
        at += 12 + length


def _hash(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
