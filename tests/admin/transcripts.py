"""Recorded calls and the answers this contract wants (contract/admin-api, section 0): read, sent, compared."""

from __future__ import annotations

import base64
import json
import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.raw_http import RawAnswer, exchange

FILE = "transcripts.jsonl"
_REPEATED = re.compile(r"\{\{(.)\*(\d+)\}\}")
_PLACEHOLDERS = {"<int>": r"-?\d+", "<id>": r"[^/@\s]+", "<str>": r"(?s:.*)", "<node>": r"[^\s@]+@[^\s@]+"}
_PLACEHOLDER = re.compile("|".join(map(re.escape, _PLACEHOLDERS)))


def contract_folder() -> Path | None:
    """Return where the contract lies: ``MIM_CONTRACT``, else ``shared/contract`` beside the repository or above it."""
    if named := os.environ.get("MIM_CONTRACT"):
        return Path(named)
    folders = [parent / "shared" / "contract" for parent in Path(__file__).resolve().parents]
    return next((folder for folder in folders if (folder / FILE).is_file()), None)


@dataclass(frozen=True, slots=True)
class Row:
    """One call with the answer that is wanted."""

    name: str
    listener: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes | None
    status: list[int]
    wanted_headers: dict[str, Any]
    wanted_body: Any

    def request(self, port: int, mid: str) -> bytes:
        """Return the bytes to send: what the row says and a Content-Length, nothing else."""
        path = _expand(self.path).replace("{mid}", mid)
        headers = {"Host": f"127.0.0.1:{port}"}
        headers.update({name: value.replace("{port}", str(port)) for name, value in self.headers.items()})
        if self.body is not None and "Transfer-Encoding" not in headers:
            headers["Content-Length"] = str(len(self.body))
        lines = [f"{self.method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        return "\r\n".join(lines).encode() + (self.body or b"")

    async def differences(self, port: int, mid: str) -> list[str]:
        """Send the call and return how its answer differs, empty when it does not."""
        answer = await exchange(port, self.request(port, mid), self.method)
        found = []
        if answer.status not in self.status:
            found.append(f"status {answer.status}, wanted {self.status}")
        found += [
            f"{name} {_header(name, answer)!r}, wanted {wanted!r}"
            for name, wanted in self.wanted_headers.items()
            if not _header_agrees(name, wanted, answer, port)
        ]
        if not _body_agrees(self.wanted_body, answer):
            found.append(f"body {answer.body[:300]!r}, wanted {str(self.wanted_body)[:300]}")
        return found


def rows(folder: Path) -> list[Row]:
    """Return the recorded calls in their order."""
    return [_row(json.loads(line)) for line in (folder / FILE).read_text().splitlines() if line.strip()]


def _row(raw: dict[str, Any]) -> Row:
    body: bytes | None = None
    if raw.get("body_b64") is not None:
        body = base64.b64decode(raw["body_b64"])
    elif raw["body"] is not None:
        body = _expand(raw["body"]).encode()
    elif raw["method"] in ("POST", "PUT"):
        body = b""
    status = raw["expect_status"]
    return Row(
        raw["name"],
        raw["listener"],
        raw["method"],
        raw["path"],
        raw["headers"],
        body,
        status if isinstance(status, list) else [status],
        raw["expect_headers"],
        raw["expect_body"],
    )


def _expand(text: str) -> str:
    return _REPEATED.sub(lambda match: match[1] * int(match[2]), text)


def _header(name: str, answer: RawAnswer) -> Any:
    if name in ("location", "location-host"):
        location = answer.headers.get("location")
        if location is None:
            return None
        parts = urlsplit(location)
        return unquote(parts.path) if name == "location" else parts.netloc
    value = answer.headers.get(name)
    if value is not None and name == "allow":
        return sorted({method.strip() for method in value.split(",")})
    return value.partition(";")[0] if value is not None and name == "content-type" else value


def _header_agrees(name: str, wanted: Any, answer: RawAnswer, port: int) -> bool:
    got = _header(name, answer)
    if isinstance(wanted, list):
        return bool(got == sorted(set(wanted)))
    if isinstance(wanted, str) and isinstance(got, str):
        return _text_agrees(wanted.replace("{port}", str(port)), got)
    return bool(got == wanted)


def _body_agrees(wanted: Any, answer: RawAnswer) -> bool:
    if isinstance(wanted, str):
        return _text_agrees(_expand(wanted), answer.text)
    if "regex" in wanted:
        return re.fullmatch(wanted["regex"], answer.text, re.DOTALL) is not None
    try:
        got = json.loads(answer.body)
    except ValueError:
        return False
    if "json" in wanted:
        return _value_agrees(wanted["json"], got)
    items = wanted.get("json_set", wanted.get("json_items"))
    if not isinstance(got, list) or len(got) != len(items):
        return False
    if "json_set" in wanted:
        return Counter(map(_frozen, items)) == Counter(map(_frozen, got)) or _each_finds_its_own(
            items, got, exactly=True
        )
    return _each_finds_its_own(items, got, exactly=False)


def _each_finds_its_own(items: list[Any], got: list[Any], *, exactly: bool) -> bool:
    left = list(got)
    for item in items:
        fits = (
            other
            for other in left
            if _value_agrees(item, other)
            or (
                not exactly
                and isinstance(other, dict)
                and _value_agrees(item, {k: v for k, v in other.items() if k in item})
            )
        )
        found = next(fits, None)
        if found is None:
            return False
        left.remove(found)
    return True


def _frozen(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _value_agrees(wanted: Any, got: Any) -> bool:
    if wanted == "<int>":
        return isinstance(got, int) and not isinstance(got, bool)
    if isinstance(wanted, str):
        return isinstance(got, str) and _text_agrees(wanted, got)
    if isinstance(wanted, list):
        return isinstance(got, list) and len(got) == len(wanted) and all(map(_value_agrees, wanted, got))
    if isinstance(wanted, dict):
        return (
            isinstance(got, dict)
            and got.keys() == wanted.keys()
            and all(_value_agrees(wanted[k], got[k]) for k in wanted)
        )
    return type(wanted) is type(got) and bool(wanted == got)


def _text_agrees(wanted: str, got: str) -> bool:
    if not _PLACEHOLDER.search(wanted):
        return wanted == got
    parts = re.split(f"({_PLACEHOLDER.pattern})", wanted)
    pattern = "".join(_PLACEHOLDERS.get(part, re.escape(part)) for part in parts)
    return re.fullmatch(pattern, got) is not None
