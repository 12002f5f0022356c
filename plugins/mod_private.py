"""Private XML storage (XEP-0049): whatever a client wants to find again, kept per account and namespace."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from sqlalchemy import Column, MetaData, String, Table, Text, bindparam, delete, insert, select

from mim.config import FOREIGN_STORES, ModuleOptions, NonEmpty, Options
from mim.errors import LimitExceeded, TooLarge
from mim.plugin import (
    JID,
    Element,
    Module,
    Stanza,
    StanzaError,
    Xep,
    element,
    hookimpl,
    iq_handler,
    option,
    own_account,
)
from mim.storage.api import Database, Migration, Schema, Write, statement
from mim.xmpp import ns
from mim.xmpp.element import serialize
from mim.xmpp.parser import parse_element

if TYPE_CHECKING:
    from alembic.operations import Operations

MAX_BYTES = 256 * 1024
"""What an account may keep in one namespace, as XML text in UTF-8."""
MAX_NAMESPACES = 100
"""In how many namespaces an account may keep something, and how many one request may name."""
MAX_NAMESPACE_LENGTH = 1000

_metadata = MetaData()
_private = Table(
    "private_xml",
    _metadata,
    Column("domain", String, primary_key=True),
    Column("username", String, primary_key=True),
    Column("namespace", String, primary_key=True),
    Column("xml", Text, nullable=False),
)
_owner = (_private.c.domain == bindparam("domain_"), _private.c.username == bindparam("username_"))
_entry = (*_owner, _private.c.namespace == bindparam("namespace_"))
_FIND = statement(select(_private.c.xml).where(*_entry))
_NAMESPACES = statement(select(_private.c.namespace).where(*_owner))
_DELETE = statement(delete(_private).where(*_entry))
_DELETE_ALL = statement(delete(_private).where(*_owner))
_ADD = statement(
    insert(_private).values(
        domain=bindparam("domain_"),
        username=bindparam("username_"),
        namespace=bindparam("namespace_"),
        xml=bindparam("xml_"),
    )
)


def _create(op: Operations) -> None:
    _metadata.create_all(op.get_bind())


SCHEMA = Schema("mod_private", (Migration(1, "create private_xml", _create),))


class PrivateStore:
    """The private XML of one database's accounts: for each namespace the elements last set, together."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, account: JID, namespace: str) -> list[Element]:
        """Return the elements kept in a namespace; none when nothing is."""
        row = await self._database.fetch_one(_FIND, **_key(account), namespace_=namespace)
        return [] if row is None else list(parse_element(row[0]).elements())

    async def put(self, account: JID, texts: dict[str, str]) -> None:
        """Replace what is kept in each namespace; all of it is on disk when this returns.

        Raises:
            LimitExceeded: the account would use too many namespaces.
        """
        rows = await self._database.fetch_all(_NAMESPACES, **_key(account))
        if len({row[0] for row in rows} | set(texts)) > MAX_NAMESPACES:
            raise LimitExceeded(f"an account keeps private XML in {MAX_NAMESPACES} namespaces at most")
        writes: list[Write] = []
        for namespace, text in texts.items():
            key = {**_key(account), "namespace_": namespace}
            writes += (_DELETE.bind(**key), _ADD.bind(**key, xml_=text))
        await self._database.submit(*writes)

    def removal(self, account: JID) -> Write:
        """Return the write that removes everything of an account."""
        return _DELETE_ALL.bind(**_key(account))


def _key(account: JID) -> dict[str, str]:
    return {"domain_": account.domain, "username_": account.local}


class Riak(Options, tier="C"):
    """``[modules.mod_private.riak]``; no effect here."""

    bucket_type: NonEmpty = option("private", help="No effect.")


class PrivateOptions(ModuleOptions):
    """``[modules.mod_private]``."""

    backend: Literal["mnesia", "rdbms", "riak"] = option(
        "rdbms", mapped=FOREIGN_STORES, help="Where the elements are kept."
    )
    riak: Riak = option(Riak(), tier="C", help="No effect.")


class ModPrivate(Module[PrivateOptions]):
    """Keeps elements for clients, each account its own."""

    Options = PrivateOptions
    schema = SCHEMA
    features = (ns.PRIVATE,)
    xeps = (Xep(49, "1.2"),)

    async def start(self) -> None:
        """Open the store."""
        self._store = PrivateStore(self.api.database)

    @iq_handler("get", ns.PRIVATE, "query", to="account")
    async def tell(self, iq: Stanza) -> Element:
        """Return what is kept in the namespaces named; where nothing is, the empty element that was sent."""
        account = own_account(iq)
        asked = _named(iq)
        answer = element(ns.PRIVATE, "query")
        for child in asked:
            answer.children.extend(await self._store.find(account, child.ns) or [Element(child.ns, child.name)])
        return answer

    @iq_handler("set", ns.PRIVATE, "query", to="account")
    async def keep(self, iq: Stanza) -> None:
        """Keep elements, each in its namespace instead of what was there."""
        account = own_account(iq)
        kept: dict[str, list[Element]] = {}
        for child in _named(iq):
            kept.setdefault(child.ns, []).append(child)
        await self._store.put(account, {namespace: _packed(nodes) for namespace, nodes in kept.items()})

    @hookimpl
    def account_data_removal(self, account: JID) -> list[Write]:
        """Remove everything of the account with it."""
        return [self._store.removal(account)]


def _named(iq: Stanza) -> list[Element]:
    """Return the elements of a request.

    Raises:
        StanzaError: there is none, one has no namespace of its own, or there are too many.
    """
    query = iq.payload
    assert query is not None
    named = list(query.elements())
    if not named:
        raise StanzaError("not-acceptable", "name an element with a namespace of its own")
    if any(child.ns in ("", ns.PRIVATE) for child in named):
        raise StanzaError("bad-request", "every element needs a namespace of its own")
    if len(named) > MAX_NAMESPACES:
        raise StanzaError("bad-request", f"at most {MAX_NAMESPACES} elements in one request")
    return named


def _packed(nodes: Iterable[Element]) -> str:
    """Return the text of a namespace's elements, in an element that holds them together.

    Raises:
        TooLarge: it is more than may be kept, or the namespace's name is.
    """
    whole = element(ns.PRIVATE, "query", nodes)
    text = serialize(whole)
    if len(text.encode()) > MAX_BYTES:
        raise TooLarge(f"one namespace of private XML holds {MAX_BYTES} bytes at most")
    if any(len(node.ns) > MAX_NAMESPACE_LENGTH for node in whole.elements()):
        raise TooLarge(f"a namespace has {MAX_NAMESPACE_LENGTH} characters at most")
    return text


setup = ModPrivate
