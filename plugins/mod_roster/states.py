"""The states of a subscription and what changes them (RFC 6121 §3, appendix A; xmpp-behaviour, section 3.2).

Pure tables: from a state and a type of presence to the next state and to what has to follow.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class State(Enum):
    """How an account and a contact stand: *subscription* none, to, from or both; *ask* none, out, in or both."""

    NONE = ("none", "none")
    NONE_OUT = ("none", "out")
    NONE_IN = ("none", "in")
    NONE_BOTH = ("none", "both")
    TO = ("to", "none")
    TO_IN = ("to", "in")
    FROM = ("from", "none")
    FROM_OUT = ("from", "out")
    BOTH = ("both", "none")

    subscription: str
    ask: str
    sees: bool
    """The account is entitled to the contact's presence."""
    is_seen: bool
    """The contact is entitled to the account's presence."""
    asks: bool
    """The account has asked for the contact's presence and waits for an answer."""
    is_asked: bool
    """The contact has asked for the account's presence and waits for an answer."""
    is_hidden: bool
    """Clients are not shown an item in this state: nobody but the contact has wanted anything."""

    def __init__(self, subscription: str, ask: str) -> None:
        self.subscription = subscription
        self.ask = ask
        self.sees = subscription in ("to", "both")
        self.is_seen = subscription in ("from", "both")
        self.asks = ask in ("out", "both")
        self.is_asked = ask in ("in", "both")
        self.is_hidden = (subscription, ask) == ("none", "in")


class Sent(NamedTuple):
    """What becomes of a state when the account itself sends presence of a subscription type."""

    state: State
    is_pushed: bool


class Received(NamedTuple):
    """What becomes of a state when such presence comes from the contact; *reply*: type of the automatic answer."""

    state: State
    is_pushed: bool
    is_delivered: bool
    reply: str


_TYPES = ("subscribe", "subscribed", "unsubscribe", "unsubscribed")
no: State | None = None  # no change
N, N_O, N_I, N_B, T, T_I, F, F_O, B = State

_SENT: dict[State, tuple[State | None, ...]] = {
    #     subscribe  subscribed  unsubscribe  unsubscribed
    N:   (N_O,       no,         no,          no),
    N_O: (N_O,       no,         N,           no),
    N_I: (N_B,       F,          no,          N),
    N_B: (no,        F_O,        N_I,         N_O),
    T:   (no,        B,          N,           no),
    T_I: (no,        B,          N_I,         T),
    F:   (F_O,       no,         no,          N),
    F_O: (no,        no,         F,           N_O),
    B:   (no,        no,         F,           T),
}  # fmt: skip

_RECEIVED: dict[State, tuple[State | None, ...]] = {
    #     subscribe  subscribed  unsubscribe  unsubscribed
    N:   (N_I,       no,         no,          no),
    N_O: (N_B,       T,          no,          N),
    N_I: (no,        no,         N,           no),
    N_B: (no,        T_I,        N_O,         N_I),
    T:   (T_I,       no,         no,          N),
    T_I: (no,        no,         T,           N_I),
    F:   (no,        B,          N,           no),
    F_O: (no,        B,          N_O,         F),
    B:   (no,        no,         T,           F),
}  # fmt: skip


def sent(state: State, type: str) -> Sent:
    """Return what follows when the account sends presence of *type*; it is routed in any case.

    A repeated request is pushed again, although nothing changes.
    """
    new = _SENT[state][_TYPES.index(type)]
    if new is None:
        return Sent(state, False)
    return Sent(new, _is_pushed(state, new))


def received(state: State, type: str) -> Received:
    """Return what follows when presence of *type* comes from the contact.

    What changes nothing is not delivered, nor is the end of a request that only waited. A contact who asks for what it
    has is answered; one who ends what it had, or takes a request back, has it confirmed.
    """
    new = _RECEIVED[state][_TYPES.index(type)]
    if new is None:
        return Received(state, False, False, "subscribed" if type == "subscribe" and state.is_seen else "")
    is_withdrawn = state.is_hidden and new is N
    return Received(new, _is_pushed(state, new), not is_withdrawn, "unsubscribed" if type == "unsubscribe" else "")


def _is_pushed(old: State, new: State) -> bool:
    """Clients do not hear of an item that is hidden now, nor of one that goes without having been shown."""
    return not new.is_hidden and not (old.is_hidden and new is N)
