"""SASLprep (RFC 4013): passwords that look alike are alike."""

from __future__ import annotations

import stringprep
import unicodedata

_PROHIBITED = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
    stringprep.in_table_a1,
)


def saslprep(text: str) -> str:
    """Return *text* prepared.

    Raises:
        ValueError: it holds a character SASLprep does not allow, or mixes directions (RFC 3454 §6).
    """
    if text.isascii() and text.isprintable():
        return text
    mapped = "".join(
        " " if stringprep.in_table_c12(character) else character
        for character in text
        if not stringprep.in_table_b1(character)
    )
    prepared = unicodedata.normalize("NFKC", mapped)
    for character in prepared:
        if any(prohibited(character) for prohibited in _PROHIBITED):
            raise ValueError("a character that passwords cannot hold")
    if any(map(stringprep.in_table_d1, prepared)) and not (
        not any(map(stringprep.in_table_d2, prepared))
        and stringprep.in_table_d1(prepared[0])
        and stringprep.in_table_d1(prepared[-1])
    ):
        raise ValueError("mixed directions of writing")
    return prepared
