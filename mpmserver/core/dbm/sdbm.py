"""SDBM, APR's own kind of DBM: NAME.pag has pages of 1024 octets, NAME.dir one bit for each page that was split.

The bits form a trie over the key's hash, lowest bit first. A page begins with 16-bit numbers in the machine's order:
how many there are, then for each pair where its key and its value begin; the texts stand backwards from the page's end.
"""

from __future__ import annotations

import struct

from mpmserver.core.dbm.page import Pages

PAGE = 1024


def names(path: str) -> tuple[str, ...]:
    """Return the files of a database."""
    return (f"{path}.dir", f"{path}.pag")


def code_of(error: OSError) -> int:
    """APR's number for what keeps it from opening a file."""
    return error.errno or 0


def fetch(path: str, key: bytes) -> bytes | None:
    """Return the value of a key, None where there is none. Raises OSError and DbmError."""
    directory, page = names(path)
    number = _hash(key)
    with Pages(directory) as bits, Pages(page) as pages:
        offset = PAGE * (number & _mask(bits, number))
        if offset >= pages.size:
            return None
        return _find(pages.read(offset, PAGE), key)


def _hash(key: bytes) -> int:
    number = 0
    for octet in key:
        number = (number * 65599 + (octet ^ 0x80) - 0x80) & 0xFFFFFFFF
    return number


def _mask(bits: Pages, number: int) -> int:
    """The bits of a hash that choose its page."""
    trie = bits.read(0, bits.size)
    node = depth = 0
    while node < len(trie) * 8 and depth < 32 and trie[node // 8] >> node % 8 & 1:
        node = 2 * node + (2 if number >> depth & 1 else 1)
        depth += 1
    return (1 << depth) - 1


def _find(page: bytes, key: bytes) -> bytes | None:
    count = struct.unpack_from("=H", page)[0]
    if count > (PAGE - 2) // 2:
        return None
    places = struct.unpack_from(f"={count}H", page, 2)
    end = PAGE
    for begin, value in zip(places[::2], places[1::2], strict=False):
        if page[begin:end] == key:
            return page[value:begin]
        end = value
    return None
