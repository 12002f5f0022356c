"""Commands on sessions (contract/admin-api, section 6.6, 6.7)."""

from __future__ import annotations

from mim.errors import NotFound
from mim.plugin import JID, StreamError, command
from mim_plugins.mod_commands import schemas
from mim_plugins.mod_commands.base import Commands, prepared_domain

TAG = "Session management"


class SessionCommands(Commands):
    """``/sessions``."""

    @command(
        "sessions",
        action="read",
        desc="Get session list",
        tag=TAG,
        path_names={"host": "XMPPHost"},
        schemas={"host": schemas.HOST, "result": schemas.FULL_JID_LIST},
    )
    async def list_sessions(self, host: str) -> list[str]:
        """Return the full JIDs of a domain's sessions, sorted, whether or not they have sent presence."""
        domain = prepared_domain(host)
        return [] if domain is None else sorted(str(session.jid) for session in self.api.sessions.of_domain(domain))

    @command(
        "sessions",
        action="delete",
        desc="Terminate user connection",
        tag=TAG,
        path_names={"host": "XMPPHost", "user": "username", "res": "resource"},
        errors={400: "The parts make no valid JID.", 404: "There is no such session."},
        schemas={"host": schemas.HOST, "user": schemas.USER, "res": schemas.RESOURCE},
    )
    async def kick_user(self, host: str, user: str, res: str) -> None:
        """End a session for good: a stream error tells the client, and it cannot be resumed."""
        session = self.api.sessions.find(JID.of(user, host, res))
        if session is None:
            raise NotFound("no active session")
        self.api.session_manager.close(session, StreamError("conflict", "kicked"))
