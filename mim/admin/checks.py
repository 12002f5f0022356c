"""What a request must be before its body is looked at: steps 2 to 7 of contract/admin-api, section 4.2."""

from __future__ import annotations

import logging

from aiohttp import web
from multidict import CIMultiDictProxy

from mim.admin.answers import Refusal
from mim.admin.headers import BasicAuth, Malformed, accepts_json, is_json
from mim.net.http import empty

log = logging.getLogger("mim.admin")

KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})
"""The verbs of RFC 9110 and RFC 5789 that can have a path."""
CHALLENGE = {"WWW-Authenticate": 'Basic realm="mongooseim"'}
WITH_BODY = frozenset({"POST", "PUT"})


def check_method(method: str, allowed: frozenset[str], allow: str) -> None:
    """Refuse a verb nobody knows with 501, one that is not *allowed* with 405; *allow* is the header that says so."""
    if method not in allowed:
        if method not in KNOWN_METHODS:
            raise Refusal(empty(501))
        raise Refusal(web.Response(status=405, headers={"Allow": allow}))


def check_authorization(request: web.BaseRequest, auth: BasicAuth) -> None:
    """Refuse a request without the credentials with 401, one whose header is malformed with 400."""
    given = request.headers.getall("Authorization", [])
    try:
        if len(given) > 1:
            raise Malformed(given)
        if given and auth.admits(given[0]):
            return
    except Malformed:
        raise Refusal(empty(400)) from None
    log.info("authorization failed", extra={"address": request.remote})
    raise Refusal(web.Response(status=401, headers=CHALLENGE))


def check_content(method: str, headers: CIMultiDictProxy[str]) -> None:
    """Refuse a client that takes no JSON with 406, and a body that is declared as something else with 415."""
    if headers.get("Accept", "*/*") != "*/*":
        try:
            accepted = accepts_json(",".join(headers.getall("Accept")))
        except Malformed:
            raise Refusal(empty(400)) from None
        if not accepted:
            raise Refusal(empty(406))
    if method in WITH_BODY and not (
        is_json(headers.get("Content-Type", "")) and headers.get("Content-Encoding", "identity") == "identity"
    ):
        raise Refusal(empty(415))
