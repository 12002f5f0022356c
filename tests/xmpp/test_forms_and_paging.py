"""Data forms and pages as values (XEP-0004, XEP-0059)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mim.xmpp import ns
from mim.xmpp.conditions import StanzaError
from mim.xmpp.element import element
from mim.xmpp.forms import Field, boolean, find_form, form, read_submission
from mim.xmpp.paging import PageRequest, page_of, read_page_request


def test_a_form_read_back_says_what_was_put_in():
    made = form("urn:x", [Field("a", values=("1", "2")), boolean("b", True)], type="submit")
    said = read_submission(made)
    assert said.form_type == "urn:x"
    assert said.list("a") == ("1", "2")
    assert said.boolean("b") is True
    assert find_form(element("urn:y", "query", made), "urn:x") is made
    assert find_form(element("urn:y", "query", made), "urn:other") is None


def test_a_boolean_field_takes_nothing_else():
    said = read_submission(form("urn:x", [Field("b", values=("yes",))], type="submit"))
    with pytest.raises(StanzaError):
        said.boolean("b")


def test_request_with_a_bad_number_is_refused():
    asked = element("urn:x", "query", element(ns.RSM, "set", element(ns.RSM, "max", "-1")))
    with pytest.raises(StanzaError):
        read_page_request(asked)


@given(st.integers(0, 40), st.integers(1, 9))
def test_pages_forward_and_backward_cover_everything_once(count, size):
    ids = [f"i{n}" for n in range(count)]
    forward, after = [], None
    while True:
        page, said = page_of(ids, PageRequest(max=size, after=after), limit=100)
        assert said.count == count
        if not page:
            break
        forward += [ids[position] for position in page]
        after = said.last
    backward, before = [], ""
    while True:
        page, said = page_of(ids, PageRequest(max=size, before=before), limit=100)
        if not page:
            break
        backward = [ids[position] for position in page] + backward
        before = said.first
    assert forward == backward == ids


def test_unknown_id_gives_the_count_only():
    page, said = page_of(["a", "b"], PageRequest(after="zz"), limit=10)
    assert list(page) == []
    assert said.to_element().find(ns.RSM, "first") is None
    assert said.to_element().child_text(ns.RSM, "count") == "2"
