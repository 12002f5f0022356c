"""``[modules.mod_muc_log]`` (contract/config, section 11)."""

from __future__ import annotations

from typing import Literal

from mim.config import AccessRuleName, ExistingDirectory, NonEmpty, Options, option


class TopLink(Options):
    """``[modules.mod_muc_log.top_link]``: the link on top of each page."""

    target: NonEmpty = option(help="Address.")
    text: NonEmpty = option(help="Text.")


class MucLogOptions(Options):
    """``[modules.mod_muc_log]``."""

    outdir: ExistingDirectory = option("www/muc", help="Directory of the logs; it is made if it is not written here.")
    access_log: AccessRuleName = option("muc_admin", help="Access rule: who may switch a room's log on.")
    dirtype: Literal["subdirs", "plain"] = option("subdirs", help="ROOM/YYYY/MM/DD.EXT or ROOM/YYYY-MM-DD.EXT.")
    dirname: Literal["room_jid", "room_name"] = option("room_jid", help="Directory of a room.")
    file_format: Literal["html", "plaintext"] = option("html", help="Format.")
    css_file: NonEmpty | None = option(None, help="Style sheet that pages link to.")
    timezone: Literal["local", "universal"] = option("local", help="Of the time stamps.")
    top_link: TopLink = option(TopLink(target="/", text="Home"), help="Link on top of each page.")
    spam_prevention: bool = option(True, help='rel="nofollow" on links.')
