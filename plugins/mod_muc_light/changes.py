"""What a change of affiliations makes of the occupants, and who owns the room afterwards (muc-light, section 7)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mim.plugin import JID
from mim_plugins.mod_muc_light.model import Affiliation, Affiliations, in_order
from mim_plugins.mod_muc_light.refusals import Malformed, NotPermitted

OWNER, MEMBER, NONE = Affiliation.OWNER, Affiliation.MEMBER, Affiliation.NONE


@dataclass(frozen=True, slots=True)
class Outcome:
    """The occupants afterwards, and what those who stay are told: implied changes first, then the requested ones."""

    occupants: Affiliations
    listed: Affiliations


def first_occupants(creator: JID, others: Affiliations, *, equal: bool) -> Affiliations:
    """Return the occupants of a new room.

    Raises:
        Malformed: the list names the creator, ``none``, two owners, or an owner although all are *equal*.
    """
    if creator in others:
        raise Malformed("the creator is an occupant already")
    if NONE in others.values():
        raise Malformed("a new room has nobody to remove")
    owners = _owners(others)
    if owners and equal:
        raise Malformed("Ownerless room")
    if len(owners) > 1:
        raise Malformed("a room has one owner")
    occupants = {creator: MEMBER if owners or equal else OWNER, **others}
    return {user: occupants[user] for user in in_order(occupants)}


def check_permission(occupants: Affiliations, actor: JID, changes: Affiliations, *, all_can_invite: bool) -> None:
    """Refuse what an occupant may not change: a member only removes himself and, where all can invite, adds members.

    Raises:
        NotPermitted
    """
    if occupants[actor] is OWNER:
        return
    for user, wanted in changes.items():
        leaves = user == actor and wanted is NONE
        invites = all_can_invite and wanted is MEMBER and occupants.get(user) is not OWNER
        if not (leaves or invites):
            raise NotPermitted


def apply_changes(occupants: Affiliations, changes: Affiliations) -> Outcome:
    """Return what *changes* make of the occupants. A room that had an owner has one as long as it has occupants.

    Raises:
        Malformed: a change changes nothing, or the room would have two owners, or gets one although it had none.
    """
    for user, wanted in changes.items():
        if occupants.get(user, NONE) is wanted:
            raise Malformed(f"{user} is {wanted} already")
    owned = bool(_owners(occupants))
    if not owned and OWNER in changes.values():
        raise Malformed("Ownerless room")
    after = {user: affiliation for user, affiliation in occupants.items() if changes.get(user) is not NONE}
    after.update((user, changes[user]) for user in changes if changes[user] is not NONE)
    listed = {user: changes[user] for user in in_order(changes)}
    owners = _owners(after)
    if len(owners) > 1:
        listed = _demote_old_owner(after, changes, listed)
    elif owned and after and not owners:
        listed = _choose_owner(occupants, after, changes, listed)
    return Outcome({user: after[user] for user in in_order(after)}, listed)


def _demote_old_owner(
    after: dict[JID, Affiliation], changes: Affiliations, listed: dict[JID, Affiliation]
) -> dict[JID, Affiliation]:
    if len(_owners(changes)) > 1:
        raise Malformed("a room has one owner")
    old = next(user for user in _owners(after) if user not in changes)
    after[old] = MEMBER
    return {old: MEMBER, **listed}


def _choose_owner(
    before: Affiliations, after: dict[JID, Affiliation], changes: Affiliations, listed: dict[JID, Affiliation]
) -> dict[JID, Affiliation]:
    """An old member whom the request does not mention, else a newcomer, else the owner who wanted to be a member."""
    stayed = in_order(user for user in after if user not in changes)
    joined = in_order(user for user in after if user not in before)
    if stayed:
        after[stayed[0]] = OWNER
        return {stayed[0]: OWNER, **listed}
    if joined:
        after[joined[0]] = OWNER
        return {**listed, joined[0]: OWNER}
    (demoted,) = after
    after[demoted] = OWNER
    return {user: affiliation for user, affiliation in listed.items() if user != demoted}


def _owners(affiliations: Affiliations) -> list[JID]:
    return [user for user, affiliation in affiliations.items() if affiliation is OWNER]


def newcomers(occupants: Affiliations, changes: Affiliations) -> Iterable[JID]:
    """Return the users whom a change brings in."""
    return [user for user, wanted in changes.items() if wanted is not NONE and user not in occupants]
