"""The paths, bodies and answers of the API document, row by row (contract/admin-api, section 8)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV30SpecValidator

from mim.blueprint import Blueprint
from tests.harness import config

MODULES = "[modules.mod_commands]\n[modules.mod_muc_light]\n[modules.mod_muc_light_commands]"
# method, path, command, tag, members of the body, parameters in the query, status; sets are written as words
TABLE = """
get /commands list_methods Commands|||200
get /users/{XMPPHost} list_users User management|||200
post /users/{XMPPHost} register_user User management|username password||201
post /users - User management|host username password||201
put /users/{XMPPHost}/{username} change_password User management|newpass||204
delete /users/{XMPPHost}/{username} unregister_user User management|||204
get /sessions/{XMPPHost} list_sessions Session management|||200
delete /sessions/{XMPPHost}/{username}/{resource} kick_user Session management|||204
post /messages send_message One-to-one messages|caller to body||204
get /messages/{owner} get_last_messages_with_everybody One-to-one messages||before limit|200
get /messages/{owner}/{with} get_last_messages One-to-one messages||before limit|200
post /stanzas send_stanza One-to-one messages|stanza||204
get /contacts/{user} list_contacts Contacts|||200
post /contacts/{user} add_contact Contacts|jid||204
post /contacts - Contacts|caller jid||204
put /contacts/{user}/{contact} subscription Contacts|action||204
delete /contacts/{user}/{contact} delete_contact Contacts|||204
put /contacts/{user}/{contact}/manage set_subscription Contacts|action||204
delete /contacts/{user}/{jids}/multiple delete_contacts Contacts|||200
post /muc-lights/{XMPPHost} create_muc_light_room MUC-light management|name owner subject||201
put /muc-lights/{XMPPHost} create_identifiable_muc_light_room MUC-light management|id name owner subject||201
put /muc-lights/{XMPPHost}/config change_muc_light_room_configuration MUC-light management|id name user subject||204
post /muc-lights/{XMPPMUCHost}/{roomName}/participants invite_to_room MUC-light management|sender recipient||204
post /muc-lights/{XMPPMUCHost}/{roomName}/messages send_message_to_muc_light_room MUC-light management|from body||204
delete /muc-lights/{XMPPMUCHost}/{roomName}/{user}/management delete_room MUC-light management|||204
"""


@dataclass
class Row:
    method: str
    path: str
    command: str
    tag: str
    members: set[str]
    query: set[str]
    status: str


def rows() -> list[Row]:
    found = []
    for line in TABLE.strip().splitlines():
        head, members, query, status = line.split("|")
        method, path, command, tag = head.split(maxsplit=3)
        found.append(
            Row(method, path, command.strip("-"), tag.strip(), set(members.split()), set(query.split()), status)
        )
    return found


ROWS = rows()


@pytest.fixture(scope="module")
def document() -> Any:
    return asyncio.run(Blueprint.parse(config(MODULES)).openapi())


def body_of(document: Any, operation: Any) -> Any:
    content = operation.get("requestBody", {}).get("content", {"application/json": {"schema": {}}})
    schema = content["application/json"]["schema"]
    return document["components"]["schemas"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def test_the_document_has_these_operations_and_no_others(document: Any):
    OpenAPIV30SpecValidator(document).validate()
    found = {(method, path) for path, operations in document["paths"].items() for method in operations}

    assert found == {(row.method, row.path) for row in ROWS}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.method} {row.path}")
def test_each_operation_is_described_as_the_contract_says(document: Any, row: Row):
    operation = document["paths"][row.path][row.method]
    body = body_of(document, operation)
    parameters = operation.get("parameters", ())

    assert operation.get("operationId", "") == row.command
    assert operation["tags"] == [row.tag]
    assert set(body.get("properties", ())) == row.members
    assert set(body.get("required", ())) == row.members
    assert {p["name"] for p in parameters if p["in"] == "query"} == row.query
    in_path = [part[1:-1] for part in row.path.split("/") if part[:1] == "{"]
    assert [p["name"] for p in parameters if p["in"] == "path"] == in_path
    assert [code for code in operation["responses"] if code < "300"] == [row.status]


def test_what_is_shared_has_its_name(document: Any):
    schemas = document["components"]["schemas"]

    assert set(schemas["messageList"]["items"]["properties"]) == {"sender", "timestamp", "message_id", "body"}
    assert schemas["messageList"]["items"]["properties"]["timestamp"]["type"] == "integer"
    contact = schemas["ContactDetails"]["properties"]
    assert contact["subscription"]["enum"] == ["none", "to", "from", "both"]
    assert contact["ask"]["enum"] == ["none", "in", "out", "both"]
    subscription = document["paths"]["/contacts/{user}/{contact}"]["put"]
    assert body_of(document, subscription)["properties"]["action"]["enum"] == ["subscribe", "subscribed"]
    manage = document["paths"]["/contacts/{user}/{contact}/manage"]["put"]
    assert body_of(document, manage)["properties"]["action"]["enum"] == ["connect", "disconnect"]
    password = document["paths"]["/users/{XMPPHost}/{username}"]["put"]
    assert body_of(document, password)["properties"]["newpass"]["format"] == "password"
    assert "Location" in document["paths"]["/muc-lights/{XMPPHost}"]["post"]["responses"]["201"]["headers"]
