"""GNU dbm's file format: a header, a directory of buckets chosen by the highest bits of a 31-bit hash, buckets with
open addressing. Numbers are in the machine's order, places in the file 64 bits wide.
"""

from __future__ import annotations

import struct

from mpmserver.core.dbm.page import LIBRARY_ERRORS, Pages

MAGICS = frozenset((0x13579ACE, 0x13579ACF, 0x13579AD0))
"""What a file begins with: the usual form, that for 64-bit places, that with a count of synchronizations."""
_HEADER = "=iiqiiiiq"
_BUCKET_HEAD = 112
_ELEMENT = "=i4sqii"
_EMPTY = -1
_OPEN_ERROR, _READ_ERROR, _BAD_MAGIC = LIBRARY_ERRORS + 3, LIBRARY_ERRORS + 6, LIBRARY_ERRORS + 7
"""APR's numbers for GDBM's errors."""


def names(path: str) -> tuple[str, ...]:
    """Return the files of a database."""
    return (path,)


def code_of(error: OSError) -> int:
    """APR's number for what keeps the library from opening a file."""
    return _READ_ERROR if isinstance(error, IsADirectoryError) else _OPEN_ERROR


def fetch(path: str, key: bytes) -> bytes | None:
    """Return the value of a key, None where there is none. Raises OSError and DbmError."""
    number = _hash(key)
    with Pages(path, _BAD_MAGIC) as file:
        magic, _block, directory, size, bits, bucket_size, elements, _next = file.unpack(_HEADER, 0)
        if magic & 0xFFFFFFFF not in MAGICS or not 0 <= bits <= 31 or elements <= 0:
            file.fail("this is no GDBM file of a kind that can be read here")
        place = (number >> (31 - bits)) * 8
        if not 0 <= place < size:
            file.fail("the directory of this GDBM file is damaged")
        (bucket,) = file.unpack("=q", directory + place)
        return _find(file, file.read(bucket, bucket_size), elements, number, key)


def _hash(key: bytes) -> int:
    number = 0x238F13AF * len(key)
    for index, octet in enumerate(key):
        number = (number + (((octet ^ 0x80) - 0x80) << index * 5 % 24)) & 0x7FFFFFFF
    return (1103515243 * number + 12345) & 0x7FFFFFFF


def _find(file: Pages, bucket: bytes, elements: int, number: int, key: bytes) -> bytes | None:
    """Go through a bucket from where the hash points to."""
    size = struct.calcsize(_ELEMENT)
    if _BUCKET_HEAD + elements * size > len(bucket):
        file.fail("a bucket of this GDBM file is damaged")
    for step in range(elements):
        place = _BUCKET_HEAD + (number + step) % elements * size
        its_hash, start, pointer, key_size, data_size = struct.unpack_from(_ELEMENT, bucket, place)
        if its_hash == _EMPTY:
            return None
        if (its_hash, key_size) == (number, len(key)) and start[: len(key)] == key[:4]:
            found = file.read(pointer, key_size + data_size)
            if found[:key_size] == key:
                return found[key_size:]
    return None
