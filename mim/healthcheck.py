"""``mim health``: one question to a running server, with nothing but the standard library."""

from __future__ import annotations

import http.client
import json
import socket
import ssl

from mim.config import Config

SECONDS = 3.0


def ask(config: Config) -> str:
    """Return why the server of this file is not ready; empty when it is."""
    if not config.listen.http:
        return _ask_c2s(config)
    section = config.listen.http[0]
    address = _reachable(section.address)
    connection: http.client.HTTPConnection
    if section.tls is not None:
        # It is this machine's own server that is asked; its certificate names other hosts.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection(address, section.port, timeout=SECONDS, context=context)
    else:
        connection = http.client.HTTPConnection(address, section.port, timeout=SECONDS)
    try:
        connection.request("GET", "/health/ready", headers={"Host": "localhost"})
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        return f"{address}:{section.port}: {error}"
    finally:
        connection.close()
    if answer.status == 200:
        return ""
    try:
        return ", ".join(json.loads(body)["reasons"])
    except (ValueError, KeyError, TypeError):
        return f"{address}:{section.port} answered {answer.status}"


def _ask_c2s(config: Config) -> str:
    if not config.listen.c2s:
        return "the file opens no port"
    section = config.listen.c2s[0]
    try:
        socket.create_connection((_reachable(section.address), section.port), timeout=SECONDS).close()
    except OSError as error:
        return str(error)
    return ""


def _reachable(address: str) -> str:
    """Return where to reach a listener that is bound to all addresses."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104 - compared, not bound
