"""Router.fan_out and Router.send_all: as if each stanza had been routed alone, but serialised once."""

from __future__ import annotations

import pytest

from mim.plugin import JID, Stanza, element
from mim.xmpp import ns
from mim.xmpp.stanza import message

PRISON = JID.parse("prison.localhost")
FOLDER_MODULE = '''
from mim.plugin import Module, hookimpl, Options, StanzaError, element


class ModMarks(Module[Options]):
    """Marks what romeo gets, drops what juliet gets, refuses what tybalt gets."""

    @hookimpl
    def filter_received(self, stanza, account):
        if stanza.name != "message":
            return stanza
        if account.local == "romeo":
            return stanza.with_child(element("urn:test", "seen"))
        if account.local == "juliet":
            return None
        if account.local == "tybalt":
            raise StanzaError("service-unavailable")
        return stanza


setup = ModMarks
'''


def words(text: str) -> Stanza:
    return message(element(ns.CLIENT, "body", text), sender=PRISON, to=PRISON, type="headline")


@pytest.fixture
def marks_folder(tmp_path):
    (tmp_path / "mod_marks.py").write_text(FOLDER_MODULE)
    return [tmp_path]


async def test_many_stanzas_to_one_client_keep_their_order_and_are_serialised_once_in_their_life(serve):
    server = await serve(admin=None)
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    stanzas = [words("one"), words("two")]

    for client in (romeo, juliet):
        server.app.server.router.send_all(stanzas, client.jid)

    texts = [stanza.shared for stanza in stanzas]
    for client in (romeo, juliet):
        got = await client.collect()
        assert [stanza.child_text(ns.CLIENT, "body") for stanza in got] == ["one", "two"]
        assert [stanza.get("to") for stanza in got] == [str(client.jid)] * 2
    assert [stanza.shared for stanza in stanzas] == texts


async def test_many_stanzas_to_a_client_that_is_gone_go_the_ordinary_way(serve):
    server = await serve(admin=None)
    romeo = await server.online("romeo")

    server.app.server.router.send_all([words("one")], romeo.jid.bare.with_resource("gone"))

    (got,) = await romeo.collect()
    assert got.get("to") == "romeo@localhost/gone"


async def test_filters_of_the_recipients_host_see_every_copy(serve, marks_folder):
    server = await serve("[modules.mod_marks]", admin=None, folders=marks_folder)
    clients = [await server.online(name) for name in ("romeo", "juliet", "tybalt", "nurse")]
    refused: list[Stanza] = []
    server.app.server.router.add_service(str(PRISON), refused.append)

    server.app.server.router.fan_out(words("one"), [client.jid for client in clients])
    for client in clients:
        server.app.server.router.send_all([words("two")], client.jid)

    romeo, juliet, tybalt, nurse = [await client.collect() for client in clients]
    assert [stanza.find("urn:test", "seen") is not None for stanza in romeo] == [True, True]
    assert juliet == []
    assert tybalt == []
    assert [stanza.find("urn:test", "seen") for stanza in nurse] == [None, None]
    assert [str(stanza.sender) for stanza in refused] == ["tybalt@localhost/r1"] * 2
