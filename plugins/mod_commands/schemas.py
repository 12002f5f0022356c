"""JSON schemas of arguments and results, for the API document (contract/admin-api, section 8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

HOST: Schema = {"type": "string", "description": "A domain that is served here.", "example": "localhost"}
USER: Schema = {"type": "string", "description": "The local part of the account's JID.", "example": "alice"}
PASSWORD: Schema = {"type": "string", "format": "password"}
RESOURCE: Schema = {"type": "string", "description": "The resource of a session.", "example": "phone"}
JID: Schema = {"type": "string", "description": "A bare or full JID.", "example": "alice@localhost"}
FULL_JID: Schema = {"type": "string", "description": "A full JID.", "example": "alice@localhost/phone"}
CONTACT_JID: Schema = {"type": "string", "description": "A JID; its resource is ignored.", "example": "bob@localhost"}
BODY: Schema = {"type": "string", "description": "The text of the message.", "example": "Hello"}

JID_LIST: Schema = {"type": "array", "items": JID}
FULL_JID_LIST: Schema = {"type": "array", "items": FULL_JID}

COMMAND_LIST: Schema = {
    "type": "array",
    "items": {
        "title": "Command",
        "type": "object",
        "required": ["path", "method", "args", "category", "name", "desc", "action"],
        "properties": {
            "path": {"type": "string"},
            "method": {"type": "string", "enum": ["GET", "POST", "PUT", "DELETE"]},
            "args": {"type": "object", "additionalProperties": {"type": "string"}},
            "category": {"type": "string"},
            "name": {"type": "string"},
            "desc": {"type": "string"},
            "action": {"type": "string", "enum": ["read", "create", "update", "delete"]},
        },
    },
}

CONTACT_LIST: Schema = {
    "type": "array",
    "items": {
        "title": "ContactDetails",
        "type": "object",
        "required": ["jid", "subscription", "ask"],
        "properties": {
            "jid": CONTACT_JID,
            "subscription": {"type": "string", "enum": ["none", "to", "from", "both"]},
            "ask": {
                "type": "string",
                "enum": ["none", "in", "out", "both"],
                "description": "Which side's request waits for an answer.",
            },
        },
    },
}

BEFORE: Schema = {
    "type": "integer",
    "default": 0,
    "description": "Unix time in seconds: no message later than this; 0 means no bound.",
}
LIMIT: Schema = {
    "type": "integer",
    "default": 100,
    "minimum": 0,
    "maximum": 500,
    "description": "How many messages at most.",
}

MESSAGE_LIST: Schema = {
    "title": "messageList",
    "type": "array",
    "items": {
        "type": "object",
        "required": ["sender", "timestamp", "message_id", "body"],
        "properties": {
            "sender": {"type": "string", "description": "The sender's JID as it was archived."},
            "timestamp": {"type": "integer", "description": "Unix time in seconds."},
            "message_id": {"type": "string", "description": "The id its sender gave it; empty if none."},
            "body": {"type": "string"},
        },
    },
}
