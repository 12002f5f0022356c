"""Commands of the admin API: accounts, sessions, contacts, messages, stanzas (contract/admin-api, section 6.1-6.16).

A command acts on whatever served domain its arguments name, whichever host's module registered it.
"""

from __future__ import annotations

from mim_plugins.mod_commands.archive import ArchiveCommands
from mim_plugins.mod_commands.contacts import ContactCommands
from mim_plugins.mod_commands.listing import ListingCommands
from mim_plugins.mod_commands.messages import MessageCommands
from mim_plugins.mod_commands.sessions import SessionCommands
from mim_plugins.mod_commands.users import UserCommands


class ModCommands(
    ListingCommands, UserCommands, SessionCommands, ContactCommands, MessageCommands, ArchiveCommands
):
    """The commands of ``[modules.mod_commands]``; each base holds those of one subject."""


setup = ModCommands
