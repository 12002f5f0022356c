"""WebSocket frames (RFC 6455 §5) from the bytes of one client, within limits; and the server's frames as bytes.

No extension is negotiated. Everything a client could let grow or repeat without end is counted here: bytes of a
message, its fragments, control frames in a period.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

MAX_CONTROL_BYTES = 125
FREE_FRAGMENTS = 128
BYTES_PER_FRAGMENT = 64
"""A message may have :data:`FREE_FRAGMENTS` fragments, and one more for so many of its bytes."""
CONTROL_FRAMES = 100
CONTROL_SECONDS = 10.0
"""Within this period :data:`CONTROL_FRAMES` pings and pongs are taken."""


class Opcode(IntEnum):
    """Kinds of frames (RFC 6455 §11.8)."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


class CloseCode(IntEnum):
    """Why a connection is closed (RFC 6455 §7.4.1)."""

    NORMAL = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    INVALID_DATA = 1007
    POLICY_VIOLATION = 1008
    TOO_BIG = 1009
    INTERNAL_ERROR = 1011


class FrameError(Exception):
    """What a client sends is not to be read any further; *code* is what the connection is closed with."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Frame:
    """A whole text message, or a control frame."""

    opcode: Opcode
    payload: bytes


class FrameReader:
    """Reads one client's frames. *max_message* may be changed at any time: bytes of a message."""

    def __init__(self, max_message: int) -> None:
        self.max_message = max_message
        self._buffer = bytearray()
        self._parts: list[bytes] = []
        self._part_bytes = 0
        self._is_in_message = False
        self._fragments = 0
        self._controls = 0
        self._controls_since = 0.0

    def read(self, data: bytes, now: float) -> Iterator[Frame]:
        """Yield what became complete with *data*; *now* is the time in seconds.

        Raises:
            FrameError: it breaks the protocol or a limit.
        """
        self._buffer += data
        while (frame := self._next(now)) is not None:
            opcode, is_last, payload = frame
            if opcode >= Opcode.CLOSE:
                yield Frame(opcode, payload)
            elif is_last:
                self._parts.append(payload)
                message = b"".join(self._parts)
                self._parts.clear()
                self._part_bytes = self._fragments = 0
                self._is_in_message = False
                _check_utf8(message)
                yield Frame(Opcode.TEXT, message)
            else:
                self._is_in_message = True
                self._parts.append(payload)
                self._part_bytes += len(payload)

    def _next(self, now: float) -> tuple[Opcode, bool, bytes] | None:
        """Take one frame from the buffer: its opcode, whether it is a message's last, its payload."""
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        opcode, is_last = self._checked_head(buffer[0], buffer[1])
        size, start = buffer[1] & 0x7F, 2
        if size == 126:
            size, start = int.from_bytes(buffer[2:4]), 4
        elif size == 127:
            size, start = int.from_bytes(buffer[2:10]), 10
        if len(buffer) < start:
            return None
        if opcode >= Opcode.CLOSE:
            if size > MAX_CONTROL_BYTES:
                raise FrameError(CloseCode.PROTOCOL_ERROR, "control frame too big")
        elif self._part_bytes + size > self.max_message:
            raise FrameError(CloseCode.TOO_BIG, "message too big")
        end = start + 4 + size
        if len(buffer) < end:
            return None
        payload = _unmasked(bytes(buffer[start + 4 : end]), bytes(buffer[start : start + 4]))
        del buffer[:end]
        self._count(opcode, now)
        return opcode, is_last, payload

    def _checked_head(self, first: int, second: int) -> tuple[Opcode, bool]:
        is_last = bool(first & 0x80)
        if first & 0x70:
            raise FrameError(CloseCode.PROTOCOL_ERROR, "reserved bits are set")
        try:
            opcode = Opcode(first & 0x0F)
        except ValueError:
            raise FrameError(CloseCode.PROTOCOL_ERROR, "unknown opcode") from None
        if not second & 0x80:
            raise FrameError(CloseCode.PROTOCOL_ERROR, "frame is not masked")
        if opcode is Opcode.BINARY:
            raise FrameError(CloseCode.UNSUPPORTED_DATA, "only text is spoken here")  # RFC 7395 §3.2
        if opcode >= Opcode.CLOSE and not is_last:
            raise FrameError(CloseCode.PROTOCOL_ERROR, "control frame in fragments")
        if opcode < Opcode.CLOSE and (opcode is Opcode.CONTINUATION) != self._is_in_message:
            raise FrameError(CloseCode.PROTOCOL_ERROR, "fragments out of order")
        return opcode, is_last

    def _count(self, opcode: Opcode, now: float) -> None:
        if opcode < Opcode.CLOSE:
            self._fragments += 1
            if self._fragments > FREE_FRAGMENTS + self._part_bytes // BYTES_PER_FRAGMENT:
                raise FrameError(CloseCode.POLICY_VIOLATION, "too many fragments")
            return
        if now - self._controls_since > CONTROL_SECONDS:
            self._controls, self._controls_since = 0, now
        self._controls += 1
        if self._controls > CONTROL_FRAMES:
            raise FrameError(CloseCode.POLICY_VIOLATION, "too many control frames")


def _unmasked(payload: bytes, mask: bytes) -> bytes:
    """Return a client's payload in clear (RFC 6455 §5.3): all of it in one exclusive-or of two long numbers."""
    size = len(payload)
    if not size or mask == b"\0\0\0\0":
        return payload
    long_mask = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload) ^ int.from_bytes(long_mask)).to_bytes(size)


def _check_utf8(message: bytes) -> None:
    try:
        message.decode()
    except UnicodeDecodeError:
        raise FrameError(CloseCode.INVALID_DATA, "not UTF-8") from None


def frame(opcode: Opcode, payload: bytes = b"") -> bytes:
    """Return a frame from the server."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, size))
    elif size < 65536:
        head = bytes((0x80 | opcode, 126)) + size.to_bytes(2)
    else:
        head = bytes((0x80 | opcode, 127)) + size.to_bytes(8)
    return head + payload


def close_frame(code: CloseCode, reason: str = "") -> bytes:
    """Return the frame that closes a connection."""
    return frame(Opcode.CLOSE, int(code).to_bytes(2) + reason.encode()[:MAX_CONTROL_BYTES - 2])


def close_code_of(payload: bytes) -> int | None:
    """Return the code in a client's close frame, None when it gives none.

    Raises:
        FrameError: it is none that may be sent (RFC 6455 §7.4).
    """
    if not payload:
        return None
    code = int.from_bytes(payload[:2])
    known = 1000 <= code <= 1014 and code not in (1004, 1005, 1006)
    if len(payload) < 2 or not (known or 3000 <= code <= 4999):
        raise FrameError(CloseCode.PROTOCOL_ERROR, "bad close code")
    _check_utf8(payload[2:])
    return code
