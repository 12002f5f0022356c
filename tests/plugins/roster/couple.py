"""Two users as the contract's tables have them: how they stand, and what each one's client sees of an action."""

from __future__ import annotations

from dataclasses import dataclass, field

from mim_plugins.mod_roster.states import State
from tests.plugins.roster.tables import INBOUND, OUTBOUND, Cell, cells

SENT = {(cell.state, cell.type): cell for cell in cells(OUTBOUND)}
RECEIVED = {(cell.state, cell.type): cell for cell in cells(INBOUND)}


@dataclass
class Side:
    """One user: his address, his item of the other (None = no item), what his client has been sent."""

    jid: str
    state: State | None = None
    is_added: bool = False
    seen: list[str] = field(default_factory=list)


class Couple:
    """Two users who are online with one client each."""

    def __init__(self, one: str, other: str) -> None:
        self.sides = (Side(one), Side(other))

    def act(self, who: int, action: str) -> None:
        """One of them sends presence of a subscription type, removes the other, or puts him on the roster."""
        if action == "remove":
            self._remove(who)
        elif action == "add":
            self._add(who)
        else:
            self._send(who, action)

    def standing(self, who: int) -> dict[str, str]:
        """The roster of one, as ``support.stands`` returns it."""
        state = self.sides[who].state
        return {} if state is None else {self.sides[1 - who].jid: f"{state.subscription}/{state.ask}"}

    def _send(self, who: int, type: str) -> None:
        me, other = self.sides[who], self.sides[1 - who]
        cell = SENT[me.state or State.NONE, type]
        self._move(who, cell)
        self._receive(1 - who, type)
        if cell.new.is_seen and not cell.state.is_seen:
            other.seen.append(f"P(available) {me.jid}")
        elif cell.state.is_seen and not cell.new.is_seen:
            other.seen.append(f"P(unavailable) {me.jid}")

    def _receive(self, who: int, type: str) -> None:
        me, other = self.sides[who], self.sides[1 - who]
        cell = RECEIVED[me.state or State.NONE, type]
        self._move(who, cell)
        if cell.is_delivered:
            me.seen.append(f"P({type}) {other.jid}")
        if cell.reply:
            self._receive(1 - who, cell.reply)
        if cell.state.is_seen and not cell.new.is_seen:
            other.seen.append(f"P(unavailable) {me.jid}")

    def _move(self, who: int, cell: Cell) -> None:
        me = self.sides[who]
        if not cell.is_change:
            return
        me.state = None if cell.is_deletion and not me.is_added else cell.new
        if cell.is_pushed:
            self._push(who)

    def _push(self, who: int) -> None:
        state = self.sides[who].state
        assert state is not None
        asked = "+ask" if state.asks else ""
        self.sides[who].seen.append(f"push({state.subscription}{asked}) {self.sides[1 - who].jid}")

    def _add(self, who: int) -> None:
        me = self.sides[who]
        me.state, me.is_added = me.state or State.NONE, True
        self._push(who)

    def _remove(self, who: int) -> None:
        me, other = self.sides[who], self.sides[1 - who]
        old, me.state, me.is_added = me.state, None, False
        if old is None:
            return
        me.seen.append(f"push(remove) {other.jid}")
        if old.sees:
            self._receive(1 - who, "unsubscribe")
        if old.is_seen:
            self._receive(1 - who, "unsubscribed")
            other.seen.append(f"P(unavailable) {me.jid}")
