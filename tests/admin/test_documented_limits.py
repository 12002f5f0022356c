"""docs/admin-api.md tells the limits that the code has."""

from __future__ import annotations

from pathlib import Path

from mim.admin.body import MAX_BYTES
from mim.config.sections.listen import HttpTransport
from mim.net import http_connection as connection

PAGE = (Path(__file__).parents[2] / "docs" / "admin-api.md").read_text()


def test_the_limits_on_the_page_are_the_codes():
    limits = {
        "address of a request": f"{connection.MAX_LINE_BYTES / 1024:.0f} kB",
        "one header": f"{connection.MAX_FIELD_BYTES / 1024:.0f} kB",
        "number of headers": f"{connection.MAX_FIELDS}",
        "body": f"{MAX_BYTES // 1_000_000} MB",
        "head of a request, from its first byte": f"{connection.HEAD_SECONDS:g} s",
        "body, from the head": f"{connection.BODY_SECONDS:g} s",
        "a client that does not read its answer": f"{connection.WRITE_SECONDS:g} s",
        "idle connection": f"{connection.IDLE_SECONDS:g} s",
        "open connections": f"`transport.max_connections`, {HttpTransport().max_connections}",
    }

    assert [row for row in limits.items() if f"| {row[0]} | {row[1]} |" not in PAGE] == []
