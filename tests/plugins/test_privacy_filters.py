"""mod_privacy (XEP-0016, XEP-0126; xmpp-behaviour, section 9): what lists let in and out."""

from __future__ import annotations

import pytest

from mim.xmpp import ns
from tests.client import Client
from tests.plugins import friends
from tests.plugins.answers import refusal
from tests.plugins.privacy import DENY_ALL, PRIVACY, change, put, query, use


@pytest.fixture
async def server(serve, tmp_path):
    return await serve(PRIVACY + friends.SECTION, admin=None, folders=friends.folder(tmp_path))


# --- incoming -------------------------------------------------------------------------------------------------


def item(type: str = "", value: str = "", action: str = "deny", order: int = 1, kinds: str = "") -> str:
    of = f"type='{type}' value='{value}' " if type else ""
    return f"<item {of}action='{action}' order='{order}'>{''.join(f'<{kind}/>' for kind in kinds.split())}</item>"


MESSAGE = "<message to='{to}' id='m' type='chat'><body>hi</body></message>"


async def arrives(sender: Client, recipient: Client, to: str) -> bool:
    """Send a message; tell whether it arrives, or comes back as service-unavailable."""
    sender.send(MESSAGE.format(to=to))
    refused = [got for got in await sender.collect() if got.name == "message"]
    delivered = [got for got in await recipient.collect() if got.name == "message"]
    assert len(refused) + len(delivered) == 1
    assert all(refusal(got) == "cancel/service-unavailable" for got in refused)
    return bool(delivered)


@pytest.mark.parametrize("how", ["active", "default"])
@pytest.mark.parametrize(
    ("items", "allowed"),
    [
        (item("jid", "juliet@localhost/r1"), False),
        (item("jid", "juliet@localhost/r2"), True),
        (item("jid", "juliet@localhost"), False),
        (item("jid", "tybalt@localhost"), True),
        (item("jid", "localhost"), False),
        (item("jid", "localhost/r1"), True),
        (item("jid", "example.org"), True),
        (item("subscription", "both"), False),
        (item("subscription", "none"), True),
        (item("group", "Friends"), False),
        (item("group", "Enemies"), True),
        (item(), False),
        (item(kinds="message"), False),
        (item(kinds="iq presence-in presence-out"), True),
        (item(action="allow") + item(order=2), True),
        (item("jid", "juliet@localhost", "allow", 5) + item(order=6), True),
        (item("jid", "juliet@localhost", "allow", 6) + item(order=5), False),
        (item("jid", "juliet@localhost", "allow", 1, "iq") + item(order=2), False),
        (item("subscription", "both", "allow", 2) + item("jid", "juliet@localhost", order=3), True),
    ],
)
async def test_the_first_item_that_matches_decides_on_messages(serve, tmp_path, how, items, allowed):
    section = friends.SECTION + "group = ['juliet@localhost']\n"
    server = await serve(PRIVACY + section, admin=None, folders=friends.folder(tmp_path))
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    await romeo.collect(), await juliet.collect()
    await use(romeo, items, how)
    await juliet.collect()

    assert await arrives(juliet, romeo, "romeo@localhost/r1") is allowed
    assert await arrives(juliet, romeo, "romeo@localhost") is allowed


async def test_an_error_always_passes(server):
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    await use(romeo, DENY_ALL, "default")
    await romeo.collect(), await juliet.collect()

    error = f"<error type='cancel'><gone xmlns='{ns.STANZA_ERRORS}'/></error>"
    juliet.send(f"<message to='romeo@localhost' type='error' id='e'>{error}</message>")

    assert (await romeo.expect("message", type="error")).get("from") == "juliet@localhost/r1"
    await juliet.expect_nothing()


async def test_a_denied_request_is_unavailable_and_a_denied_answer_is_dropped(server):
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    await romeo.collect(), await juliet.collect()
    await use(romeo, item(kinds="iq"))

    for to in ("romeo@localhost/r1", "romeo@localhost"):
        answer = await juliet.ask("get", "<query xmlns='jabber:iq:version'/>", to=to)
        assert refusal(answer) == "cancel/service-unavailable"
        assert answer.find("jabber:iq:version", "query") is not None
    romeo.send("<iq type='get' id='q' to='juliet@localhost/r1'><x xmlns='urn:x'/></iq>")
    await juliet.expect("iq", id="q")
    juliet.send("<iq type='result' id='q' to='romeo@localhost/r1'/>")
    await romeo.expect_nothing()
    await juliet.expect_nothing()
    assert await arrives(juliet, romeo, "romeo@localhost/r1")


async def test_denied_presence_is_silent(server):
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    await romeo.collect(), await juliet.collect()
    await use(romeo, item("jid", "juliet@localhost", kinds="presence-in"))

    juliet.send("<presence><show>away</show></presence><presence to='romeo@localhost/r1'/>")
    await juliet.expect("presence", from_="juliet@localhost/r1")
    await juliet.expect_nothing()
    await romeo.expect_nothing()
    assert await arrives(juliet, romeo, "romeo@localhost")


async def test_subscription_requests_are_denied_by_items_for_everything_only(serve, tmp_path):
    (tmp_path / "mod_asked.py").write_text(ASKED)
    server = await serve(PRIVACY + "[modules.mod_asked]", admin=None, folders=[tmp_path])
    asked = server.app.modules.find(server.app.host("localhost"), "mod_asked").asked
    romeo, juliet = await server.client("romeo"), await server.client("juliet")

    await use(romeo, item(kinds="presence-in presence-out message iq"), "default")
    juliet.send("<presence type='subscribe' to='romeo@localhost'/>")
    await juliet.expect_nothing()
    assert asked == ["juliet@localhost"]

    await put(romeo, "mine", DENY_ALL)
    juliet.send("<presence type='subscribe' to='romeo@localhost'/>")
    await juliet.expect_nothing()
    assert asked == ["juliet@localhost"]


ASKED = '''
"""Notes who asks for a subscription, and routes what is asked."""

from mim.plugin import Module, hookimpl


class ModAsked(Module):
    """A list."""

    async def start(self):
        self.asked = []

    @hookimpl
    def presence_subscription_sent(self, stanza):
        self.api.router.route(stanza)
        return True

    @hookimpl
    def presence_subscription_received(self, stanza, account):
        self.asked.append(str(stanza.from_jid))
        return True


setup = ModAsked
'''


async def test_own_clients_and_the_server_always_pass(server):
    romeo, phone = await server.online("romeo"), await server.online("romeo", "phone")
    await romeo.collect(), await phone.collect()
    await use(romeo, DENY_ALL)
    await phone.collect()

    assert await arrives(phone, romeo, "romeo@localhost/r1")
    romeo.send("<message to='romeo@localhost/phone' id='m'/>")
    await phone.expect("message", id="m")
    assert refusal(await romeo.ask("get", "<x xmlns='urn:x'/>", to="localhost")) == "cancel/feature-not-implemented"
    phone.send("<presence><show>away</show></presence>")
    await romeo.expect("presence", from_="romeo@localhost/phone")


# --- outgoing -------------------------------------------------------------------------------------------------


async def test_what_is_denied_altogether_does_not_go_out_either(server):
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    await use(romeo, item("jid", "juliet@localhost"))
    await romeo.collect(), await juliet.collect()

    romeo.send(MESSAGE.format(to="juliet@localhost"))
    refused = await romeo.expect("message", type="error", id="m", from_="juliet@localhost")
    assert refusal(refused) == "cancel/not-acceptable"
    assert refused.find(ns.CLIENT, "error").find(ns.BLOCKING_ERRORS, "blocked") is None
    answer = await romeo.ask("get", "<x xmlns='urn:x'/>", to="juliet@localhost/r1")
    assert refusal(answer) == "cancel/not-acceptable"
    for type in ("", " type='subscribe'"):
        romeo.send(f"<presence to='juliet@localhost'{type}/>")
        assert refusal(await romeo.expect("presence", type="error")) == "cancel/not-acceptable"
    await juliet.expect_nothing()


async def test_items_for_incoming_kinds_let_everything_out(server):
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    await use(romeo, item(kinds="message iq presence-in"))
    await romeo.collect(), await juliet.collect()

    romeo.send(MESSAGE.format(to="juliet@localhost"))
    romeo.send("<iq type='get' id='q' to='juliet@localhost/r1'><x xmlns='urn:x'/></iq>")
    romeo.send("<presence to='juliet@localhost'><show>dnd</show></presence>")

    await juliet.expect("message")
    await juliet.expect("iq")
    await juliet.expect("presence")


@pytest.mark.parametrize("how", ["active", "default"])
async def test_a_contact_who_may_not_see_a_client_any_more_is_told_that_it_has_gone(server, how):
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    await romeo.collect(), await juliet.collect()
    await use(romeo, item("jid", "juliet@localhost", kinds="presence-out"), how)

    await juliet.expect("presence", type="unavailable", from_="romeo@localhost/r1")
    romeo.send("<presence><show>away</show></presence>")
    await romeo.expect("presence", from_="romeo@localhost/r1")
    juliet.send("<presence to='romeo@localhost' type='probe'/>")
    await juliet.expect_nothing()
    other = await server.online("juliet", "r2")
    assert not [got for got in await other.collect() if got.get("from", "").startswith("romeo")]
    await romeo.collect()
    romeo.send("</stream:stream>")
    await romeo.closed()
    assert not [got for got in await juliet.collect() if got.get("from", "").startswith("romeo")]


async def test_invisible_to_one_visible_to_others(server):
    """XEP-0126 §3.2: an active list with presence-out."""
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    tybalt = await server.online("tybalt")
    romeo.send("<presence to='tybalt@localhost'/>")
    await tybalt.expect("presence")
    await romeo.collect(), await juliet.collect()

    await use(romeo, item("jid", "tybalt@localhost", kinds="presence-out"))
    await tybalt.expect("presence", type="unavailable", from_="romeo@localhost/r1")
    romeo.send("<presence><show>chat</show></presence>")
    await juliet.expect("presence", from_="romeo@localhost/r1")
    await tybalt.expect_nothing()


async def test_a_changed_list_is_in_force_at_once(server):
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    await romeo.collect(), await juliet.collect()
    await use(romeo, item(kinds="iq"))
    assert await arrives(juliet, romeo, "romeo@localhost")

    await put(romeo, "mine", item(kinds="message"))
    assert not await arrives(juliet, romeo, "romeo@localhost")


# --- several sessions, none -----------------------------------------------------------------------------------


async def test_each_session_judges_by_its_own_list(server):
    romeo, phone = await server.online("romeo"), await server.online("romeo", "phone")
    juliet = await server.online("juliet")
    await put(romeo, "strict", item(kinds="message presence-in"))
    await change(romeo, "<active name='strict'/>")
    await romeo.collect(), await phone.collect(), await juliet.collect()

    juliet.send(MESSAGE.format(to="romeo@localhost"))
    await phone.expect("message")
    juliet.send("<presence><show>away</show></presence>")
    await phone.expect("presence", from_="juliet@localhost/r1")
    await romeo.expect_nothing()
    await juliet.collect()

    await change(phone, "<active name='strict'/>")
    juliet.send(MESSAGE.format(to="romeo@localhost"))
    assert refusal(await juliet.expect("message")) == "cancel/service-unavailable"

    await change(romeo, "<active/>")
    assert await arrives(juliet, romeo, "romeo@localhost")
    await phone.expect_nothing()


async def test_an_active_list_replaces_the_default(server):
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    await romeo.collect(), await juliet.collect()
    await put(romeo, "open", item(action="allow"))
    await put(romeo, "strict", item(kinds="message"))
    await change(romeo, "<default name='strict'/>")
    assert not await arrives(juliet, romeo, "romeo@localhost")

    await change(romeo, "<active name='open'/>")
    assert await arrives(juliet, romeo, "romeo@localhost")


async def test_when_the_session_with_the_active_list_ends_the_others_are_as_before(server):
    romeo, phone = await server.online("romeo"), await server.online("romeo", "phone")
    juliet = await server.online("juliet")
    await use(phone, item(kinds="message"))
    phone.send("</stream:stream>")
    await phone.closed()
    await romeo.collect(), await juliet.collect()

    assert await arrives(juliet, romeo, "romeo@localhost")
    assert all(session.gate is None for session in server.app.server.sessions)


async def test_with_no_session_that_takes_messages_the_default_judges_although_one_has_an_active_list(server):
    romeo, juliet = await server.client("romeo"), await server.online("juliet")
    await put(romeo, "open", item(action="allow"))
    await put(romeo, "strict", item(kinds="message"))
    await change(romeo, "<default name='strict'/>")
    await change(romeo, "<active name='open'/>")
    await juliet.collect()

    juliet.send(MESSAGE.format(to="romeo@localhost"))
    refused = await juliet.expect("message", type="error")
    assert refusal(refused) == "cancel/service-unavailable"
    assert refused.find(ns.CLIENT, "error").find(ns.STANZA_ERRORS, "text") is None, "not the offline bounce"


KEPT = '''
"""Keeps what waits for accounts that are offline."""

from mim.plugin import Module, hookimpl


class ModKept(Module):
    """A list."""

    async def start(self):
        self.kept = []

    @hookimpl
    def message_waiting(self, stanza, account):
        self.kept.append((stanza.id, str(stanza.from_jid.bare)))
        return True


setup = ModKept
'''


@pytest.mark.parametrize("roster", [friends.SECTION, friends.FORGETFUL], ids=["in memory", "in store"])
async def test_the_default_list_of_an_offline_account_is_read_when_it_is_needed(serve, tmp_path, roster):
    data, folders = tmp_path / "data", friends.folder(tmp_path)
    (tmp_path / "mod_kept.py").write_text(KEPT)
    modules = PRIVACY + "[modules.mod_kept]\n" + roster
    first = await serve(modules, admin=None, data_dir=data, folders=folders)
    romeo = await first.client("romeo")
    await use(romeo, item("subscription", "none"), "default")
    await first.stop()

    second = await serve(modules, admin=None, data_dir=data, folders=folders)
    kept = second.app.modules.find(second.app.host("localhost"), "mod_kept").kept
    juliet, tybalt = await second.client("juliet"), await second.client("tybalt")
    for number in range(3):
        juliet.send(f"<message to='romeo@localhost' id='{number}'><body>hi</body></message>")
    tybalt.send("<message to='romeo@localhost' id='t'><body>hi</body></message>")

    assert refusal(await tybalt.expect("message", id="t")) == "cancel/service-unavailable"
    tybalt_asks = await tybalt.ask("get", "<x xmlns='urn:x'/>", to="romeo@localhost")
    assert refusal(tybalt_asks) == "cancel/service-unavailable"
    await juliet.expect_nothing()
    await second.app.server.router.drain()
    assert kept == [(str(number), "juliet@localhost") for number in range(3)]


async def test_presence_for_accounts_that_are_offline_reads_nothing(server, monkeypatch):
    romeo = await server.online("romeo")
    await server.register("juliet")
    cache = server.app.modules.find(server.app.host("localhost"), "mod_privacy")._cache

    romeo.send("<presence to='juliet@localhost'/><presence to='juliet@localhost' type='probe'/>")
    await romeo.expect_nothing()

    assert cache.find(type(romeo.jid)("juliet", "localhost")) is None


async def test_a_module_started_late_judges_for_the_sessions_it_finds(serve, tmp_path):
    server = await serve(PRIVACY, admin=None, data_dir=tmp_path)
    romeo, juliet = await server.online("romeo"), await server.online("juliet")
    await use(romeo, item(kinds="message"), "default")
    await juliet.collect()
    assert not await arrives(juliet, romeo, "romeo@localhost")

    await server.stop_module("mod_privacy")
    assert await arrives(juliet, romeo, "romeo@localhost")
    assert refusal(await romeo.ask("get", query())) == "cancel/service-unavailable"

    await server.start_module("mod_privacy")
    assert not await arrives(juliet, romeo, "romeo@localhost")
