"""``[modules.mod_vcard]``."""

from __future__ import annotations

from typing import Literal

from mim.config import FOREIGN_STORES, HostTemplate, Infinity, ModuleOptions, NonEmpty, Options
from mim.plugin import option


class Riak(Options, tier="C"):
    """``riak``; no effect here."""

    bucket_type: NonEmpty = option("vcard", help="No effect.")
    search_index: NonEmpty = option("vcard", help="No effect.")


class LdapUid(Options, tier="C"):
    """An item of ``ldap.uids``."""

    attr: str = option(help="No effect.")
    format: str | None = option(None, help="No effect.")


class LdapVCardMap(Options, tier="C"):
    """An item of ``ldap.vcard_map``."""

    vcard_field: NonEmpty = option(help="No effect.")
    ldap_pattern: NonEmpty = option(help="No effect.")
    ldap_field: NonEmpty = option(help="No effect.")


class LdapSearchField(Options, tier="C"):
    """An item of ``ldap.search_fields``."""

    search_field: NonEmpty = option(help="No effect.")
    ldap_field: NonEmpty = option(help="No effect.")


class LdapSearchReported(Options, tier="C"):
    """An item of ``ldap.search_reported``."""

    search_field: NonEmpty = option(help="No effect.")
    vcard_field: NonEmpty = option(help="No effect.")


class Ldap(Options, tier="C"):
    """``ldap``; there is no LDAP here, so none of it has an effect."""

    pool_tag: NonEmpty = option("default", help="No effect.")
    base: str | None = option(None, help="No effect.")
    deref: Literal["never", "always", "finding", "searching"] = option("never", help="No effect.")
    filter: str = option("", help="No effect.")
    uids: list[LdapUid] = option([LdapUid(attr="uid", format="%u")], help="No effect.")
    vcard_map: list[LdapVCardMap] | None = option(None, computed="built-in map", help="No effect.")
    search_fields: list[LdapSearchField] | None = option(None, computed="built-in list", help="No effect.")
    search_reported: list[LdapSearchReported] | None = option(None, computed="built-in list", help="No effect.")
    search_operator: Literal["or", "and"] = option("and", help="No effect.")
    binary_search_fields: list[NonEmpty] = option([], help="No effect.")


class VCardOptions(ModuleOptions):
    """``[modules.mod_vcard]``."""

    host: HostTemplate = option("vjud.@HOST@", help="Name of the user directory.")
    search: bool = option(True, help="Whether there is a user directory.")
    backend: Literal["mnesia", "rdbms", "riak", "ldap"] = option(
        "mnesia", mapped=FOREIGN_STORES, help="Where vCards are kept."
    )
    matches: int | Infinity = option(30, minimum=0, help="How many users a search finds at most.")
    ldap: Ldap = option(Ldap(), tier="C", help="No effect.")
    riak: Riak = option(Riak(), tier="C", help="No effect.")
