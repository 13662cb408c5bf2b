"""How large a parquet file becomes, counted before any of it is unpacked.

A few kilobytes of it can stand for gigabytes: pages that unpack to two gigabytes each, row groups that all name the
same page, one long text in a million rows. The library unpacks what it is asked to. But every page has a header that
says how large the page becomes, and from which the library takes no more than that: these are added up first, at some
microseconds a page.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from io import SEEK_END
from typing import BinaryIO

from bisect_cache.cache.parquet.footer import TEXT, Chunk, Footer
from bisect_cache.cache.parquet.thrift import INT32, Cursor, Ends, Malformed, read_struct
from bisect_cache.printable import printable

MOST_TEXT = 1 << 30
"""Bytes that a column of text may hold, spelled out."""
_MOST_PAGES = 200_000
_ROOM = 256 << 20
"""Bytes that any file may unpack to …"""
_WIDTH, _WIDTH_OF_TEXT = 16, 64
"""… and what each value may add to that."""

_TYPE, _UNPACKED, _PACKED = 1, 2, 3
_DICTIONARY = 2
_DATA = {0: (5, 1, 2), 3: (8, 1, 4)}
"""By a page's type: the field of its header that says more, and in it those for its values and their encoding."""
_HEADER = {_TYPE: INT32, _UNPACKED: INT32, _PACKED: INT32, 5: {1: INT32, 2: INT32}, 8: {1: INT32, 4: INT32}}
_UNCOUNTED = 128
"""Bytes of a column that old writers did not count (PARQUET-816)."""
_PLACES = {2, 8}
"""Encodings of values as places in the dictionary."""
_DELTA_OF_LENGTHS, _DELTA = 6, 7
"""Encodings of text that the library cannot leave as it is stored; in the second, each can repeat the one before."""
_READ_AT_ONCE = (1 << 8, 1 << 12, 1 << 16, 1 << 20)
"""Bytes, one after the other, in which a header is looked for; they are longer where they hold statistics of text."""


def room_for(values: int) -> int:
    """Bytes that ``values`` values may take once they are unpacked, however many parts they come in."""
    return _ROOM + _WIDTH_OF_TEXT * values


@dataclass(frozen=True)
class _Page:
    unpacked: int
    values: int
    encoding: int | None
    """None for a dictionary, and what is no data."""
    is_dictionary: bool


def refuse_bombs(stream: BinaryIO, footer: Footer, columns: Collection[str] | None = None) -> list[str]:
    """Raises ``Malformed`` where the pages of ``columns`` (without, of all) become larger than any honest ones.

    It does too where columns share bytes, and where the header of a page cannot be understood. Returns the columns of
    text that the library can leave as they are stored, each value once; spelled out they may be of any size.
    """
    size = stream.seek(0, SEEK_END)
    if any(chunk.packed < 0 for chunk in footer.chunks) or sum(chunk.packed for chunk in footer.chunks) > size:
        raise Malformed("its columns have more bytes than the file")
    chosen = [chunk for chunk in footer.chunks if columns is None or _is_of(chunk.path, columns)]
    allowed = _ROOM + sum(max(0, chunk.values) * (_WIDTH_OF_TEXT if chunk.type == TEXT else _WIDTH) for chunk in chosen)
    unpacked = pages = 0
    texts: dict[str, list[list[_Page]]] = {}
    for chunk in chosen:
        found = []
        for page in _pages(stream, chunk):
            found.append(page)
            unpacked, pages = unpacked + page.unpacked, pages + 1
            if unpacked > allowed:
                raise Malformed(f"its pages unpack to more than {allowed:,} bytes, too many for what it holds")
            if pages > _MOST_PAGES:
                raise Malformed(f"it has more than the {_MOST_PAGES:,} pages that are read")
        if chunk.type == TEXT:
            texts.setdefault(chunk.path, []).append(found)
    stream.seek(0)
    return [path for path, pages_of_chunks in texts.items() if _stays_as_it_is(path, pages_of_chunks)]


def _is_of(path: str, columns: Collection[str]) -> bool:
    """Whether a leaf's path leads to one of the columns, as the library understands their names."""
    return any(path == column or path.startswith(f"{column}.") for column in columns)


def _stays_as_it_is(path: str, chunks: list[list[_Page]]) -> bool:
    """Whether a column of text can be left as it is stored; refuses one that cannot, and may become too large.

    Nothing is known of a text's length there but that it is not longer than the page that it first stands in.
    """
    if not any(page.encoding in {_DELTA_OF_LENGTHS, _DELTA} for pages in chunks for page in pages):
        return True
    spelled_out = 0
    for pages in chunks:
        longest = max((page.unpacked for page in pages if page.is_dictionary), default=0)
        for page in pages:
            longest_here = longest if page.encoding in _PLACES else page.unpacked if page.encoding == _DELTA else 0
            spelled_out += max(0, page.values) * longest_here
    if spelled_out > MOST_TEXT:
        raise Malformed(
            f"column '{printable(path)}' holds text that may become {spelled_out:,} bytes, write it without delta "
            f"encoding"
        )
    return False


def _pages(stream: BinaryIO, chunk: Chunk) -> Iterator[_Page]:
    """What the pages of a column say of themselves."""
    at, end = chunk.begins, chunk.begins + chunk.packed
    if at < 0:
        raise Malformed("a column begins before the file")
    if at == 0:
        return  # a column without values; what stands there is no page
    while at < end:
        header = _header(stream, at, end - at)
        if header is None:
            return  # the library comes no further either
        length, packed, page = header
        # Read piece by piece, the library makes room for what a page says before it finds that there is less.
        if at + length + packed > end + _UNCOUNTED:
            raise Malformed("a page is longer than its column")
        yield page
        at += length + packed


def _header(stream: BinaryIO, at: int, room: int) -> tuple[int, int, _Page] | None:
    """Of the page at ``at``: its header's length, its own in the file, and what it says.

    None where what is left of the column ends in the header.
    """
    for size in _READ_AT_ONCE:
        stream.seek(at)
        cursor = Cursor(stream.read(min(size, room)))
        try:
            said = read_struct(cursor, _HEADER)
        except Ends:
            continue
        unpacked, packed = said.get(_UNPACKED, -1), said.get(_PACKED, -1)
        if unpacked < 0 or packed < 0:
            raise Malformed("a page does not say how large it is")
        more, values, encoding = _DATA.get(said.get(_TYPE, -1), (0, 0, 0))
        of_data = said.get(more, {})
        return (
            cursor.at,
            packed,
            _Page(unpacked, of_data.get(values, 0), of_data.get(encoding), said.get(_TYPE) == _DICTIONARY),
        )
    if room > _READ_AT_ONCE[-1]:
        raise Malformed("the header of a page is longer than any that is read")
    return None
