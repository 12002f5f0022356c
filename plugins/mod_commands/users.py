"""Commands on accounts (contract/admin-api, section 6.2-6.5)."""

from __future__ import annotations

from mim.errors import BadRequest, Conflict, Denied, InvalidJid, MimError, NotFound, Unavailable
from mim.plugin import command
from mim_plugins.mod_commands import schemas
from mim_plugins.mod_commands.base import Commands, account_of, prepared_domain

TAG = "User management"
NOT_REMOVED = "User does not exist or you are not authorised properly"


class UserCommands(Commands):
    """``/users``."""

    @command(
        "users",
        action="read",
        desc="List registered users on this host",
        tag=TAG,
        path_names={"host": "XMPPHost"},
        schemas={"host": schemas.HOST, "result": schemas.JID_LIST},
    )
    async def list_users(self, host: str) -> list[str]:
        """Return the bare JIDs of a domain's accounts, sorted; an empty list for a domain that is not served."""
        domain = prepared_domain(host)
        if domain is None or self.api.hosts.find(domain) is None:
            return []
        return [f"{user}@{domain}" for user in await self.api.accounts.list_users(domain)]

    @command(
        "users",
        action="create",
        desc="Register a user",
        tag=TAG,
        location=("host", "username"),
        also_at=(("host",),),
        path_names={"host": "XMPPHost"},
        errors={
            400: "Host and username make no valid JID, or the password is empty or not acceptable.",
            403: "The user is registered already.",
            404: "The domain is not served here.",
        },
        schemas={"host": schemas.HOST, "username": schemas.USER, "password": schemas.PASSWORD},
    )
    async def register_user(self, host: str, username: str, password: str) -> str:
        """Make an account. No stanza is sent to anybody."""
        account = account_of(host, username)
        try:
            await self.api.accounts.register(account, password)
        except NotFound:
            raise NotFound("domain not found") from None
        except Conflict:
            raise Denied(f"User {account} already registered at node {self.api.node_name}") from None
        except Unavailable as error:
            raise MimError(f"Can't register user {account}") from error
        return f"User {account} successfully registered"

    @command(
        "users",
        action="delete",
        desc="UnRegister a user",
        tag=TAG,
        path_names={"host": "XMPPHost", "user": "username"},
        errors={400: "Host and user make no valid JID.", 403: "There is no such user."},
        schemas={"host": schemas.HOST, "user": schemas.USER},
    )
    async def unregister_user(self, host: str, user: str) -> None:
        """Remove an account with all that is stored about it, and end its sessions."""
        account = account_of(host, user)
        try:
            await self.api.accounts.remove(account)
        except (NotFound, Unavailable) as error:
            raise Denied(NOT_REMOVED) from error

    @command(
        "users",
        action="update",
        identifiers=("host", "user"),
        desc="Change user password",
        tag=TAG,
        path_names={"host": "XMPPHost", "user": "username"},
        errors={
            400: "The password is empty or not acceptable, or host and user make no valid JID.",
            403: "There is no such user.",
        },
        schemas={"host": schemas.HOST, "user": schemas.USER, "newpass": schemas.PASSWORD},
    )
    async def change_password(self, host: str, user: str, newpass: str) -> None:
        """Give an account another password; its sessions stay."""
        if not newpass:
            raise BadRequest("empty password")
        try:
            account = account_of(host, user)
        except InvalidJid:
            raise BadRequest("invalid jid") from None
        try:
            await self.api.accounts.set_password(account, newpass)
        except (NotFound, Unavailable) as error:
            raise Denied("password change not allowed") from error
