"""Berkeley DB's hash files, the default of Debian's APR: a page about the file, buckets that are chains of pages.

All numbers are in the order of the machine that made the file. A page holds pairs of items, each with its kind before
it; items too long for a page are chains of their own. Only what APR writes is read: hash databases without checksums,
encryption, duplicates and sub-databases; anything else is said to be so.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from mpmserver.core.dbm.page import LIBRARY_ERRORS, Pages

MAGIC = 0x061561
BTREE_MAGIC = 0x053162

_META = 72
_PAGE_HEAD = 26
_KEY_DATA, _OFF_PAGE = 1, 3
_CHECKSUM = 0x01
_CHECK_KEY = b"%$sniglet^&"


def names(path: str) -> tuple[str, ...]:
    """Return the files of a database."""
    return (path,)


def code_of(error: OSError) -> int:
    """APR's number for what keeps the library from opening a file."""
    return LIBRARY_ERRORS + (error.errno or 0)


def fetch(path: str, key: bytes) -> bytes | None:
    """Return the value of a key, None where there is none. Raises OSError and DbmError."""
    with Pages(path) as file:
        return _find(file, _table(file), key)


class _Table(NamedTuple):
    """What the first page says: `order` is that of numbers, as in `struct`."""

    order: str
    page_size: int
    max_bucket: int
    high_mask: int
    low_mask: int
    spares: tuple[int, ...]

    def page_of(self, number: int) -> int:
        """The first page of the bucket of a hash."""
        bucket = number & self.high_mask
        if bucket > self.max_bucket:
            bucket &= self.low_mask
        return bucket + self.spares[bucket.bit_length()]


def _table(file: Pages) -> _Table:
    order = next((order for order in "<>" if file.unpack(f"{order}I", 12)[0] in (MAGIC, BTREE_MAGIC)), "")
    if not order:
        file.fail("this is no Berkeley DB file")
    if file.unpack(f"{order}I", 12)[0] != MAGIC:
        file.fail("this Berkeley DB file is not of the type hash")
    _version, page_size = file.unpack(f"{order}II", 16)
    encryption, _kind, flags = file.unpack("BBB", 24)
    if encryption or flags & _CHECKSUM:
        file.fail("Berkeley DB files with checksums or encryption can't be read here")
    max_bucket, high_mask, low_mask, _fill, _count, check = file.unpack(f"{order}6I", _META)
    if check not in (_hash(_CHECK_KEY), _hash(_CHECK_KEY + b"\0")):
        file.fail("this Berkeley DB file was made with a hash function that is not known here")
    if page_size < _PAGE_HEAD or high_mask >> 31:
        file.fail("the first page of this Berkeley DB file is damaged")
    return _Table(order, page_size, max_bucket, high_mask, low_mask, file.unpack(f"{order}32I", _META + 24))


def _hash(key: bytes) -> int:
    number = 0
    for octet in key:
        number = (number * 16777619 & 0xFFFFFFFF) ^ octet
    return number


def _find(file: Pages, table: _Table, key: bytes) -> bytes | None:
    """Go through the pages of a bucket."""
    number = table.page_of(_hash(key))
    for _ in range(file.size // table.page_size):
        page = file.read(number * table.page_size, table.page_size)
        following, count = struct.unpack_from(f"{table.order}IH", page, 16)
        items = _items(file, table, page, count)
        for mine, value in zip(items[::2], items[1::2], strict=False):
            if _text(file, table, mine) == key:
                return _text(file, table, value)
        if not following:
            break
        number = following
    return None


def _items(file: Pages, table: _Table, page: bytes, count: int) -> list[bytes]:
    if _PAGE_HEAD + 2 * count > len(page):
        file.fail("a page of this Berkeley DB file is damaged")
    places = struct.unpack_from(f"{table.order}{count}H", page, _PAGE_HEAD)
    return [page[begin:end] for begin, end in zip(places, (len(page), *places), strict=False)]


def _text(file: Pages, table: _Table, item: bytes) -> bytes:
    """What an item stands for."""
    kind = item[0] if item else 0
    if kind == _KEY_DATA:
        return item[1:]
    if kind != _OFF_PAGE or len(item) < 12:
        file.fail("this Berkeley DB file has duplicates, or is damaged")
    number, length = struct.unpack_from(f"{table.order}II", item, 4)
    found = b""
    while number and len(found) < length:
        page = file.read(number * table.page_size, table.page_size)
        number, _entries, used = struct.unpack_from(f"{table.order}IHH", page, 16)
        if not used:
            break
        found += page[_PAGE_HEAD : _PAGE_HEAD + used]
    return found[:length]
