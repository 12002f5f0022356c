"""Passwords as they are kept and compared."""

from __future__ import annotations

from mim.auth.saslprep import saslprep
from mim.errors import EmptyPassword, InvalidPassword

MAX_PASSWORD_BYTES = 1023


def prepare_password(password: str) -> str:
    """Return a password as it is kept and compared.

    Raises:
        EmptyPassword, InvalidPassword
    """
    if not password:
        raise EmptyPassword
    if len(password.encode(errors="surrogatepass")) > MAX_PASSWORD_BYTES:
        raise InvalidPassword
    try:
        prepared = saslprep(password)
    except ValueError:
        raise InvalidPassword from None
    if not prepared:
        raise EmptyPassword
    return prepared
