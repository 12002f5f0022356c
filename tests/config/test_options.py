"""The types of values: what each takes and in which form it is used (contract/config, section 2)."""

from __future__ import annotations

from typing import Annotated, Any

import pytest

from mim.config import options as values
from mim.config.kinds import REFUSED, Report, kind_of_annotation
from mim.config.tables import Declared


def check(annotation: Any, value: Any) -> Any:
    return kind_of_annotation(annotation, Declared(None, "")).check(value, "p", Report(), False)


@pytest.mark.parametrize(
    ("annotation", "value", "used"),
    [
        (values.IpAddress, "0", "0.0.0.0"),
        (values.IpAddress, "127.1", "127.0.0.1"),
        (values.IpAddress, "::", "::"),
        (values.IpAddress, "localhost", None),
        (values.IpAddress, "", None),
        (values.IpAddress, "1.2.3.4 x", None),
        (values.IpAddress, "::1%eth0", "::1%eth0"),
        (values.IpOrCidr, "10.1.2.3/8", "10.0.0.0/8"),
        (values.IpOrCidr, "::1/129", None),
        (values.NodePrep, "LocalHost", "localhost"),
        (values.NodePrep, "what is this", None),
        (values.NodePrep, "", None),
        (values.Domain, "example.com", "example.com"),
        (values.Domain, "a@example.com", None),
        (values.Domain, "example.com/r", None),
        (values.HostTemplate, "conference.@HOST@", "conference.@HOST@"),
        (values.HostTemplate, "muc.example.com", "muc.example.com"),
        (values.HostTemplate, "@HOST@", None),
        (values.HostTemplate, ".@HOST@", None),
        (values.HostTemplate, "a.@HOST@.b", None),
        (values.HostTemplate, "a.@HOSTS@", None),
        (values.HostTemplate, "two words.@HOST@", None),
        (values.NetworkAddress, "127.0.0.1", "127.0.0.1"),
        (values.NetworkAddress, "proxy.com", "proxy.com"),
        (values.NetworkAddress, "no way", None),
        (values.JidText, "Romeo@Example.com/X", "romeo@example.com/X"),
        (values.JidText, "a@b@c", None),
        (values.LdapFilter, "(&(a=b)(c=*))", "(&(a=b)(c=*))"),
        (values.LdapFilter, "(a=b", None),
        (values.LdapFilter, "a=b", None),
        (values.ExistingFile, __file__, __file__),
        (values.ExistingFile, "/no/such/file", None),
        (values.ExistingFile, "/", None),
        (values.ExistingFile, "a\0b", None),
        (values.ExistingDirectory, "/", "/"),
        (values.Regex, "^A/b", None),
        (values.Regex, "^A.*b$", "^a.*b$"),
        (values.Regex, "", ""),
    ],
)
def test_a_value_is_taken_or_refused(annotation: Annotated[Any, "kind"], value: str, used: str | None) -> None:
    assert check(annotation, value) == (REFUSED if used is None else used)


def test_a_template_stands_for_one_name_per_domain() -> None:
    assert values.expand_host("conference.@HOST@", "localhost") == "conference.localhost"
    assert values.expand_host("muc.example.com", "localhost") == "muc.example.com"
