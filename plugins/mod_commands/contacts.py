"""Commands on contacts (contract/admin-api, section 6.8-6.13)."""

from __future__ import annotations

from typing import Any

from mim.capabilities import RosterView
from mim.errors import BadRequest, NotFound
from mim.plugin import JID, command
from mim_plugins.mod_commands import schemas
from mim_plugins.mod_commands.base import Commands, parse_jids

TAG = "Contacts"
NO_DOMAIN = "The domain is not served here, or keeps no contact lists."
SUBSCRIPTIONS = {"subscribe": "subscribe", "invite": "subscribe", "subscribed": "subscribed", "accept": "subscribed"}
PATH_NAMES = {"caller": "user", "jid": "contact"}
PAIR = {"caller": schemas.JID, "jid": schemas.CONTACT_JID}


class ContactCommands(Commands):
    """``/contacts``."""

    @command(
        "contacts",
        action="read",
        desc="Get roster",
        tag=TAG,
        path_names={"caller": "user"},
        errors={400: "The caller is no valid JID.", 404: NO_DOMAIN},
        schemas={"caller": schemas.JID, "result": schemas.CONTACT_LIST},
    )
    async def list_contacts(self, caller: str) -> list[dict[str, Any]]:
        """Return the whole contact list, with requests that wait for an answer, sorted by JID."""
        (account,) = parse_jids(caller)
        return [
            {"jid": str(contact.jid), "subscription": contact.subscription, "ask": contact.ask}
            for contact in await self._rosters(account).list_contacts(account.bare)
        ]

    @command(
        "contacts",
        action="create",
        desc="Add a contact to roster",
        tag=TAG,
        also_at=(("caller",),),
        path_names={"caller": "user"},
        errors={400: "A JID is not valid.", 404: NO_DOMAIN},
        schemas=PAIR,
    )
    async def add_contact(self, caller: str, jid: str) -> None:
        """Put a contact on the caller's list, without a name and groups; what is subscribed stays."""
        account, contact = parse_jids(caller, jid)
        await self._rosters(account).add_contact(account.bare, contact.bare)

    @command(
        "contacts",
        action="update",
        identifiers=("caller", "jid"),
        desc="Send out a subscription request",
        tag=TAG,
        path_names=PATH_NAMES,
        errors={
            400: "The action is none of subscribe and subscribed, or a JID is not valid.",
            404: NO_DOMAIN + " Or, for subscribed, there is no such contact.",
        },
        schemas={**PAIR, "action": {"type": "string", "enum": ["subscribe", "subscribed"]}},
    )
    async def subscription(self, caller: str, jid: str, action: str) -> None:
        """Ask for a contact's presence, or allow him the caller's, as the caller's client would.

        ``invite`` and ``accept`` are other words for ``subscribe`` and ``subscribed``.
        """
        type = SUBSCRIPTIONS.get(action)
        if type is None:
            raise BadRequest("invalid action")
        account, contact = parse_jids(caller, jid)
        if not await self._rosters(account).subscribe(account.bare, contact.bare, type):
            raise NotFound("contact not found")

    @command(
        "contacts",
        subcategory="manage",
        action="update",
        identifiers=("caller", "jid"),
        desc="Set / unset mutual subscription",
        tag=TAG,
        path_names=PATH_NAMES,
        errors={400: "A JID is not valid, or the action is none of connect and disconnect.", 404: NO_DOMAIN},
        schemas={**PAIR, "action": {"type": "string", "enum": ["connect", "disconnect"]}},
    )
    async def set_subscription(self, caller: str, jid: str, action: str) -> None:
        """Make two users each other's contacts with presence both ways, or end that.

        Of a contact at another server only the caller's side is changed.
        """
        one, other = (address.bare for address in parse_jids(caller, jid))
        if action not in ("connect", "disconnect"):
            raise BadRequest("invalid action")
        sides = [(self._rosters(one), one, other)]
        if self.api.hosts.find(other.domain) is not None:
            sides.append((self._rosters(other), other, one))
        if action == "connect":
            await _connect(sides)
        else:
            for rosters, account, contact in sides:
                await rosters.delete_contact(account, contact)

    @command(
        "contacts",
        action="delete",
        desc="Remove a contact from roster",
        tag=TAG,
        path_names=PATH_NAMES,
        errors={400: "A JID is not valid.", 404: NO_DOMAIN + " Or there is no such contact."},
        schemas=PAIR,
    )
    async def delete_contact(self, caller: str, jid: str) -> None:
        """Take a contact off the caller's list and end the subscriptions both ways."""
        account, contact = parse_jids(caller, jid)
        if not await self._rosters(account).delete_contact(account.bare, contact.bare):
            raise NotFound("contact not found")

    @command(
        "contacts",
        subcategory="multiple",
        action="delete",
        desc="Remove provided contacts from roster",
        tag=TAG,
        path_names={"caller": "user"},
        errors={400: "A JID is not valid; then no contact was removed.", 404: NO_DOMAIN},
        schemas={
            "caller": schemas.JID,
            "jids": {"type": "array", "items": schemas.CONTACT_JID},
            "result": {**schemas.JID_LIST, "description": "Those that were no contacts, as they were given."},
        },
    )
    async def delete_contacts(self, caller: str, jids: list[str]) -> list[str]:
        """Take several contacts off the caller's list, in order; return those that were none."""
        account, *contacts = parse_jids(caller, *jids)
        rosters = self._rosters(account)
        return [
            text
            for text, contact in zip(jids, contacts, strict=True)
            if not await rosters.delete_contact(account.bare, contact.bare)
        ]

    def _rosters(self, account: JID) -> RosterView:
        return self.capability(account, RosterView, "service not enabled")


async def _connect(sides: list[tuple[RosterView, JID, JID]]) -> None:
    """Do for each side what makes a mutual subscription; the allowances in reverse (section 6.11, 7)."""
    for rosters, account, contact in sides:
        await rosters.add_contact(account, contact)
    for rosters, account, contact in sides:
        await rosters.subscribe(account, contact, "subscribe")
    for rosters, account, contact in reversed(sides):
        await rosters.subscribe(account, contact, "subscribed")
