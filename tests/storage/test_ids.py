"""Archive ids: unique, ascending, readable back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mim.clock import Clock
from mim.storage.ids import ArchiveIds, decode, encode, microseconds_of


class Backwards(Clock):
    def __init__(self) -> None:
        self.now = 10**15

    def now_us(self) -> int:
        self.now -= 1000
        return self.now


def test_ids_ascend_even_when_the_clock_goes_back():
    ids = ArchiveIds(Backwards(), node=3)
    made = [ids.next() for _ in range(100)]
    assert made == sorted(set(made))
    assert {number % 256 for number in made} == {3}
    assert microseconds_of(made[0]) < 10**15


@given(st.integers(0, 2**63))
def test_what_is_encoded_can_be_decoded(number):
    assert decode(encode(number)) == number


@given(st.text())
def test_any_text_is_an_id_or_refused(text):
    try:
        assert decode(text) >= 0
    except ValueError:
        return


@pytest.mark.parametrize("text", ["", "abc", "1' OR '1'='1", "Z" * 4, "1" * 17])
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError, match="no archive id"):
        decode(text)


def test_ids_stay_above_one_that_is_stored_already():
    ids = ArchiveIds(Backwards())
    stored = 2 * 10**15 * 256

    ids.stay_above(stored)
    assert ids.next() > stored

    ids.stay_above(7)
    assert ids.next() > stored
