"""Two users who change each other's rosters: both sides agree, one after the other, at once, and after a crash."""

from __future__ import annotations

import asyncio
import itertools
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mim.xmpp.jid import JID
from mim_plugins.mod_roster.states import State
from tests.plugins.roster.couple import Couple
from tests.plugins.roster.support import JULIET, ROMEO, ROSTER, friends, query, setting, stands, view
from tests.plugins.shorthand import seen

TYPES = ("subscribe", "subscribed", "unsubscribe", "unsubscribed")
MODULES = ROSTER + "[modules.mod_commands]\n"
MIRRORED = {
    State.NONE: State.NONE,
    State.NONE_OUT: State.NONE_IN,
    State.NONE_IN: State.NONE_OUT,
    State.NONE_BOTH: State.NONE_BOTH,
    State.TO: State.FROM,
    State.TO_IN: State.FROM_OUT,
    State.FROM: State.TO,
    State.FROM_OUT: State.TO_IN,
    State.BOTH: State.BOTH,
}
_pairs = itertools.count()


def test_whatever_two_users_send_each_is_the_mirror_of_the_other():
    """All states a couple can get into by presence alone, by the tables of the contract."""
    reached: set[tuple[State, State]] = set()
    todo = [(State.NONE, State.NONE)]
    while todo:
        pair = todo.pop()
        reached.add(pair)
        for who, type in itertools.product((0, 1), TYPES):
            couple = Couple("a", "b")
            for side, state in zip(couple.sides, pair, strict=True):
                side.state = state
            couple.act(who, type)
            now = tuple(side.state or State.NONE for side in couple.sides)
            if now not in reached:
                todo.append(now)

    assert reached == set(MIRRORED.items())


ACTIONS = st.tuples(st.sampled_from((0, 1)), st.sampled_from((*TYPES, "add", "remove")), st.booleans())


@pytest.fixture
async def server(serve):
    return await serve(MODULES)


async def by_client(client, contact: str, action: str) -> None:
    if action in TYPES:
        client.send(f"<presence type='{action}' to='{contact}'/>")
    else:
        removal = " subscription='remove'" if action == "remove" else ""
        client.send(setting(f"<item jid='{contact}'{removal}/>"))


async def by_api(server, account: JID, contact: JID, action: str) -> None:
    rosters = view(server)
    if action == "add":
        await rosters.add_contact(account, contact)
    elif action == "remove":
        await rosters.delete_contact(account, contact)
    else:
        await rosters.subscribe(account, contact, action)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(ACTIONS, min_size=1, max_size=12))
async def test_clients_see_and_the_store_keeps_what_the_tables_say(server, actions):
    number = next(_pairs)
    jids = (JID(f"romeo{number}", "localhost"), JID(f"juliet{number}", "localhost"))
    clients = [await server.online(jid.local) for jid in jids]
    couple = Couple(*map(str, jids))
    for who, action, is_client in actions:
        if not is_client and action == "subscribed" and couple.sides[who].state is None:
            continue  # the admin API finds no such contact
        couple.act(who, action)
        if is_client:
            await by_client(clients[who], str(jids[1 - who]), action)
        else:
            await by_api(server, jids[who], jids[1 - who], action)
        for side in (who, 1 - who):
            got = [word for word in await seen(clients[side]) if word != "result"]
            assert got == couple.sides[side].seen
            couple.sides[side].seen.clear()
    for side in (0, 1):
        assert await stands(server, jids[side]) == couple.standing(side)
    for client in clients:
        await client.drop()


@pytest.mark.parametrize("seed", range(4))
async def test_changes_of_both_at_once_leave_both_sides_in_agreement(serve, tmp_path, seed):
    server = await serve(MODULES, data_dir=tmp_path)
    await server.register("romeo", "juliet")
    clients = {ROMEO: await server.online("romeo"), JULIET: await server.online("juliet", priority=-1)}
    rng = random.Random(seed)
    work = []
    for _ in range(60):
        account, contact = rng.choice([(ROMEO, JULIET), (JULIET, ROMEO)])
        type = rng.choice(TYPES)
        if rng.random() < 0.5:
            clients[account].send(f"<presence type='{type}' to='{contact}'/>")
        else:
            work.append(view(server).subscribe(account, contact, type))
        if rng.random() < 0.3:
            await asyncio.sleep(0)
    await asyncio.gather(*work)
    for client in clients.values():
        await client.collect()

    def state_of(contacts: dict[str, str]) -> State:
        (standing,) = contacts.values() or ["none/none"]
        return State(tuple(standing.split("/")))

    romeos, juliets = await stands(server, ROMEO), await stands(server, JULIET)
    assert state_of(juliets) is MIRRORED[state_of(romeos)]
    await server.stop()
    again = await serve(MODULES, data_dir=tmp_path)
    assert (await stands(again, ROMEO), await stands(again, JULIET)) == (romeos, juliets)


async def test_changes_of_two_offline_users_at_once_are_one_after_the_other(serve):
    server = await serve(MODULES)
    await server.register("romeo", "juliet")

    for type in ("subscribe", "subscribed"):
        await asyncio.gather(
            view(server).subscribe(ROMEO, JULIET, type),
            view(server).subscribe(JULIET, ROMEO, type),
            *(view(server).add_contact(ROMEO, JID(f"{type}{n}", "localhost")) for n in range(25)),
        )

    assert (await stands(server, ROMEO))["juliet@localhost"] == "both/none"
    assert await stands(server, JULIET) == {"romeo@localhost": "both/none"}
    assert len(await stands(server, ROMEO)) == 51


async def test_stanzas_of_a_client_keep_their_order_around_a_change_that_has_to_wait(serve):
    """Juliet's roster has to be read first; what Romeo sends behind the request must not overtake it."""
    server = await serve(MODULES, admin=None)
    await server.register("juliet")
    romeo, juliet = await server.online("romeo"), await server.client("nurse")
    romeo.send("<presence type='subscribe' to='juliet@localhost'/>")
    romeo.send("<message to='nurse@localhost/r1' id='m1'/>")

    await juliet.expect("message", id="m1")

    assert await stands(server, JULIET) == {"romeo@localhost": "none/in"}


async def test_user_can_be_his_own_contact(serve):
    server = await serve(MODULES)
    romeo = await server.online("romeo")
    await view(server).add_contact(ROMEO, ROMEO)
    assert await seen(romeo) == ["push(none) romeo@localhost"]

    romeo.send("<presence type='subscribe' to='romeo@localhost'/>")
    assert "P(subscribe) romeo@localhost" in await seen(romeo)
    romeo.send("<presence type='subscribed' to='romeo@localhost'/>")
    await romeo.collect()
    assert await stands(server, ROMEO) == {"romeo@localhost": "both/none"}
    romeo.send("<presence><show>away</show></presence>")
    assert await seen(romeo) == ["P(available) romeo@localhost"]

    assert await view(server).delete_contact(ROMEO, ROMEO)
    assert await seen(romeo) == ["push(remove) romeo@localhost"]
    assert await stands(server, ROMEO) == {}


# --- restart and crash ----------------------------------------------------------------------------------------


async def test_everything_is_there_after_a_restart(serve, tmp_path):
    server = await serve(MODULES, data_dir=tmp_path)
    romeo, juliet = await friends(server)
    juliet.send("<presence type='subscribe' to='paris@localhost'/>")
    romeo.send(setting("<item jid='juliet@localhost' name='Ju&amp;l'><group>A\"b</group></item>"))
    await romeo.collect(), await juliet.collect()
    await server.stop()

    server = await serve(MODULES, data_dir=tmp_path)
    romeo, juliet = await server.online("romeo"), await server.online("juliet")

    assert await seen(romeo) == ["P(available) juliet@localhost"]
    (item,) = (await romeo.ask("get", query())).payload.elements()
    assert item.attrs == {"jid": "juliet@localhost", "name": "Ju&l", "subscription": "both"}
    assert [group.text for group in item.elements()] == ['A"b']
    assert await stands(server, JULIET) == {"paris@localhost": "none/out", "romeo@localhost": "both/none"}


async def test_module_that_is_started_again_knows_who_is_online(serve):
    server = await serve(MODULES)
    romeo, juliet = await friends(server)

    await server.stop_module("mod_roster")
    romeo.send("<presence><show>away</show></presence>")
    assert await seen(romeo) == ["P(available) romeo@localhost"]
    await juliet.expect_nothing()
    await server.start_module("mod_roster")
    romeo.send("<presence><show>dnd</show></presence>")

    assert await seen(romeo) == ["P(available) romeo@localhost"]
    assert await seen(juliet) == ["P(available) romeo@localhost"]


async def test_after_kill_9_acknowledged_changes_are_there_and_both_sides_agree(spawn_server):
    server = await spawn_server(MODULES)
    pairs = [(f"a{n}@localhost", f"b{n}@localhost") for n in range(30)]
    answered: set[str] = set()

    async def connect(one: str, other: str) -> None:
        await server.api.put(f"/contacts/{one}/{other}", {"action": "subscribe"})
        answer = await server.api.put(f"/contacts/{other}/{one}", {"action": "subscribed"})
        if answer.status == 204:
            answered.add(one)

    work = [asyncio.create_task(connect(*pair)) for pair in pairs]
    while len(answered) < 10:
        await asyncio.wait([task for task in work if not task.done()], return_when=asyncio.FIRST_COMPLETED)
    await server.kill()
    await asyncio.gather(*work, return_exceptions=True)

    again = await spawn_server(MODULES)
    for one, other in pairs:
        ones = (await again.api.get(f"/contacts/{one}")).json
        others = (await again.api.get(f"/contacts/{other}")).json
        standing = [(c["subscription"], c["ask"]) for c in (*ones, *others)]
        if one in answered:
            assert standing == [("to", "none"), ("from", "none")]
        else:
            assert standing in ([], [("none", "out"), ("none", "in")], [("to", "none"), ("from", "none")])
