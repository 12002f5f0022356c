"""``[auth.jwt]``: the password of SASL PLAIN is a JSON Web Token (RFC 7519) that names the user."""

from __future__ import annotations

import asyncio
import logging
import os
import warnings
from pathlib import Path

from mim.auth.method import AuthMethod
from mim.config.sections.auth import Jwt
from mim.errors import BadRequest, InvalidJid
from mim.xmpp.jid import JID, prepare_local

log = logging.getLogger("mim.auth")

MAX_TOKEN_BYTES = 16 * 1024
LEEWAY_SECONDS = 5
"""How far the clocks of the issuer and ours may differ."""


class JwtMethod(AuthMethod):
    """Knows everybody who has a token: signed, in force (exp, nbf, iat), and for him.

    Raises:
        BadRequest: there is no key; the text says which option.
    """

    name = "jwt"
    mechanisms = frozenset({"plain"})

    def __init__(self, options: Jwt) -> None:
        self._algorithm = options.algorithm.replace("386", "384")
        self._claim = options.username_key
        self._key = _key(options)

    async def exists(self, account: JID) -> bool:
        """Say yes: any name may have a token."""
        return True

    async def check_password(self, account: JID, password: str) -> bool:
        """Check the token; signatures of RSA and elliptic curves take their time in a thread."""
        if len(password) > MAX_TOKEN_BYTES:
            return False
        name = await asyncio.to_thread(self._name_in, password)
        if not isinstance(name, str):
            return False
        try:
            return prepare_local(name) == account.local
        except InvalidJid:
            return False

    def _name_in(self, token: str) -> object:
        import jwt  # imported where the file asks for tokens

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a short key is the administrator's choice, and told at start
                claims = jwt.decode(
                    token,
                    self._key,
                    algorithms=[self._algorithm],
                    leeway=LEEWAY_SECONDS,
                    options={"verify_aud": False, "verify_sub": False, "verify_jti": False},
                )
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            log.debug("token refused", extra={"reason": type(error).__name__})
            return None
        return claims.get(self._claim)


def _key(options: Jwt) -> str:
    secret = options.secret
    if secret.value is not None:
        return secret.value
    if secret.env is not None:
        if secret.env not in os.environ:
            raise BadRequest(f"auth.jwt.secret.env: the environment variable {secret.env} is not set")
        return os.environ[secret.env]
    assert secret.file is not None
    try:
        return Path(secret.file).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequest(f"auth.jwt.secret.file: {secret.file} cannot be read: {error}") from error
