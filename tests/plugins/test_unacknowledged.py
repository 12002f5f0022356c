"""Stanzas that a client has not acknowledged: whatever happens, each is seen once and in order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mim.clock import Clock
from mim.session.connection import NoConnection
from mim_plugins.mod_stream_management.outgoing import ASK, MODULO, Outgoing, TooManyAcknowledged


class FakeStream:
    """A stream to a client that writes down what it gets."""

    peer_address = listener = ""
    is_encrypted = False

    def __init__(self) -> None:
        self.got: list[str] = []

    def send_text(self, text: str) -> None:
        text = text.replace(ASK, "")
        if text:
            self.got.append(text)


class World:
    """One session's layer, its client, and a connection that breaks."""

    def __init__(self, start: int) -> None:
        self.layer = Outgoing(
            clock=Clock(), domain="localhost", keeps=True, limit=None, ask_every=1, on_overflow=lambda: None
        )
        self.layer._sent = self.layer._acked = start
        self.handled = start
        self.stream: FakeStream | None = FakeStream()
        self.layer.inner = self.stream
        self.seen: list[str] = []
        self.sent: list[str] = []

    def send(self) -> None:
        text = f"<iq id='{len(self.sent)}'/>"
        self.sent.append(text)
        self.layer.send_text(text)

    def read(self, count: int) -> None:
        """The client handles the first stanzas that lie in its socket."""
        if self.stream is not None:
            taken, self.stream.got = self.stream.got[:count], self.stream.got[count:]
            self.seen += taken
            self.handled += len(taken)

    def acknowledge(self) -> None:
        if self.stream is not None:
            self.layer.acknowledge(self.handled % MODULO)

    def lose(self) -> None:
        if self.stream is not None:
            self.layer.inner = NoConnection(self.stream, Clock())
            self.stream = None

    def resume(self) -> None:
        self.layer.acknowledge(self.handled % MODULO)
        self.stream = FakeStream()
        self.layer.send_again(self.stream)
        self.layer.inner = self.stream


steps = st.lists(
    st.sampled_from(["send", "send", "send", "acknowledge", "lose", "resume"]) | st.integers(1, 4), max_size=60
)


@given(st.sampled_from([0, MODULO - 7]), steps)
def test_client_sees_each_stanza_once_and_in_order(start, steps):
    world = World(start)

    for step in steps:
        if isinstance(step, int):
            world.read(step)
        else:
            getattr(world, step)()
    world.resume()
    world.read(len(world.sent))

    assert world.seen == world.sent


@given(st.sampled_from([0, MODULO - 7]), steps)
def test_what_the_client_never_saw_is_undelivered_when_the_session_ends(start, steps):
    world = World(start)

    for step in steps:
        if isinstance(step, int):
            world.read(step)
        else:
            getattr(world, step)()
    left = [stanza.text for stanza in world.layer.undelivered()]

    assert left == world.sent[len(world.sent) - len(left) :]
    assert len(world.seen) + len(left) >= len(world.sent)


@given(st.integers(0, 9), st.integers(0, MODULO - 1))
def test_a_count_is_right_or_refused(sent, handled):
    world = World(0)
    for _ in range(sent):
        world.send()

    try:
        world.layer.acknowledge(handled)
    except TooManyAcknowledged:
        assert handled > sent
        assert world.layer.acknowledged_count == 0
    else:
        assert handled <= sent
        assert world.layer.acknowledged_count == handled
