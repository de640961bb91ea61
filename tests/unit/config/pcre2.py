"""The real PCRE2, by ctypes: what patterns mean to Apache. The library is what Debian's apache2-bin depends on."""

from __future__ import annotations

import ctypes
from ctypes.util import find_library
from functools import cache

OPTIONS = {"i": 0x8, "m": 0x400, "n": 0x2000, "s": 0x20, "U": 0x40000, "x": 0x80, "D": 0x10}

DUPNAMES = 0x40
"""Set for all of Apache's expressions."""

Spans = tuple[tuple[int, int], ...]


class PatternError(Exception):
    """PCRE2 refuses the pattern."""


@cache
def _library() -> ctypes.CDLL:
    name = find_library("pcre2-8") or "libpcre2-8.so.0"
    library = ctypes.CDLL(name)
    pointer = ctypes.c_void_p
    library.pcre2_compile_8.restype = pointer
    library.pcre2_compile_8.argtypes = [
        ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint32,
        ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_size_t), pointer,
    ]  # fmt: skip
    library.pcre2_match_data_create_from_pattern_8.restype = pointer
    library.pcre2_match_data_create_from_pattern_8.argtypes = [pointer, pointer]
    library.pcre2_match_8.argtypes = [
        pointer, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_uint32, pointer, pointer,
    ]  # fmt: skip
    library.pcre2_get_ovector_pointer_8.restype = ctypes.POINTER(ctypes.c_size_t)
    library.pcre2_get_ovector_pointer_8.argtypes = [pointer]
    library.pcre2_get_ovector_count_8.argtypes = [pointer]
    library.pcre2_match_data_free_8.argtypes = [pointer]
    library.pcre2_code_free_8.argtypes = [pointer]
    return library


def search(pattern: str, subject: str, options: str = "") -> Spans | None:
    """Where ``pattern`` first matches (whole match and groups; (-1, -1) for a group that took no part), or None.

    Both are bytes written as Latin-1. Raises PatternError.
    """
    library = _library()
    raw, data = pattern.encode("latin-1"), subject.encode("latin-1")
    code, offset = ctypes.c_int(), ctypes.c_size_t()
    flags = DUPNAMES + sum(OPTIONS[option] for option in options)
    compiled = library.pcre2_compile_8(raw, len(raw), flags, ctypes.byref(code), ctypes.byref(offset), None)
    if not compiled:
        raise PatternError(f"error {code.value} at {offset.value}")
    match_data = library.pcre2_match_data_create_from_pattern_8(compiled, None)
    try:
        count = library.pcre2_match_8(compiled, data, len(data), 0, 0, match_data, None)
        if count == -1:
            return None
        if count < 0:
            raise PatternError(f"match error {count}")
        vector = library.pcre2_get_ovector_pointer_8(match_data)
        groups = library.pcre2_get_ovector_count_8(match_data)
        return tuple(_span(vector[2 * group], vector[2 * group + 1]) for group in range(groups))
    finally:
        library.pcre2_match_data_free_8(match_data)
        library.pcre2_code_free_8(compiled)


def _span(start: int, end: int) -> tuple[int, int]:
    unset = ctypes.c_size_t(-1).value
    return (-1, -1) if start == unset else (start, end)
