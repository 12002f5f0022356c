"""The API document (contract/admin-api, section 8)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV2SpecValidator, OpenAPIV30SpecValidator

from mim.admin.openapi import _operations, document
from mim.admin.openapi3 import SCHEMA, TEXT_TYPES, openapi3
from mim.admin.swagger2 import swagger2
from mim.commands.model import commands_of
from tests.admin.conftest import CREDENTIALS, OPEN, Start
from tests.admin.plugins.mod_other import ModOther
from tests.admin.plugins.mod_sample import ModSample
from tests.harness import config


def sample_commands() -> list[Any]:
    return [*commands_of(object.__new__(ModSample)), *commands_of(object.__new__(ModOther))]


DOCUMENT = document(sample_commands())


def operation(path: str, method: str) -> Any:
    return DOCUMENT["paths"][path][method]


def test_the_document_is_valid_before_and_after_its_conversion():
    OpenAPIV30SpecValidator(DOCUMENT).validate()
    OpenAPIV2SpecValidator(swagger2(_operations(sample_commands()), title="t", version="1")).validate()


def test_the_document_of_no_commands_is_valid():
    OpenAPIV30SpecValidator(document([])).validate()


def test_each_command_is_described_once_by_its_name_and_again_at_its_other_paths():
    found = [
        (path, method, op.get("operationId")) for path, ops in DOCUMENT["paths"].items() for method, op in ops.items()
    ]

    assert sorted(filter(None, (name for _, _, name in found))) == sorted(c.name for c in sample_commands())
    assert ("/things/{XMPPHost}", "post", "create_thing") in found
    assert ("/things", "post", None) in found


def test_an_operation_tells_all_that_its_command_declares():
    found = operation("/things/{XMPPHost}", "post")

    assert found["tags"] == ["Things"]
    assert found["summary"] == "Make a thing"
    assert found["description"] == "Make a thing.\n\nIts secret is kept."
    assert found["parameters"] == [{"in": "path", "name": "XMPPHost", "required": True, "schema": {"type": "string"}}]
    assert found["requestBody"]["required"]
    name = found["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    assert DOCUMENT["components"]["schemas"][name] == {
        "type": "object",
        "required": ["name", "secret"],
        "properties": {"name": {"type": "string"}, "secret": {"type": "string", "format": "password"}},
        "additionalProperties": False,
    }
    text = {"schema": {"type": "string"}}
    assert found["responses"]["201"]["content"] == {"application/json": text, "text/plain": text}
    assert found["responses"]["403"]["content"] == {"text/plain": text, "application/json": text}
    assert "Location" in found["responses"]["201"]["headers"]
    assert found["responses"]["403"]["description"].startswith("The name is taken. ")
    assert set(found["responses"]) == {"201", "400", "401", "403", "404", "406", "413", "415", "500"}
    assert "content" not in found["responses"]["401"]


def test_all_members_of_the_body_are_described_where_none_is_in_the_path():
    ref = operation("/things", "post")["requestBody"]["content"]["application/json"]["schema"]["$ref"]

    assert set(DOCUMENT["components"]["schemas"][ref.rpartition("/")[2]]["properties"]) == {"host", "name", "secret"}


def test_paths_that_differ_in_names_only_are_one():
    shared = DOCUMENT["paths"]["/things/{host}/{name}"]

    assert set(shared) == {"put", "delete"}
    assert [p["name"] for p in shared["delete"]["parameters"]] == ["host", "name"]


def test_optional_arguments_are_in_the_query_with_their_defaults():
    parameters = {p["name"]: p for p in operation("/kinds/{host}", "get")["parameters"]}

    assert parameters["before"] == {
        "in": "query",
        "name": "before",
        "required": False,
        "schema": {"type": "integer", "default": 0},
    }
    assert parameters["share"]["schema"] == {"type": "number", "default": 0.5}
    assert parameters["flag"]["schema"] == {"type": "boolean", "default": False}
    assert "with" in parameters


def test_lists_in_the_path_are_arrays():
    (_, names) = operation("/things/{host}/{names}/many", "delete")["parameters"]

    assert names["schema"] == {"type": "array", "items": {"type": "string"}}


def test_schemas_with_a_title_are_shared():
    thing = {"title": "Thing", "type": "object", "properties": {"a": {"type": "string"}}}
    swagger = {
        "info": {},
        "paths": {
            "/a": {
                "get": {
                    "responses": {
                        200: {"description": "", SCHEMA: {"type": "array", "items": thing}},
                        201: {"description": "", SCHEMA: {**thing, "type": "string"}},
                        400: {"description": "", TEXT_TYPES: ["text/plain"]},
                    }
                }
            }
        },
    }

    found = openapi3(swagger, ["/api"])

    responses = found["paths"]["/a"]["get"]["responses"]
    assert responses["200"]["content"]["application/json"]["schema"]["items"] == {"$ref": "#/components/schemas/Thing"}
    assert responses["201"]["content"]["application/json"]["schema"]["type"] == "string"
    assert responses["400"]["content"] == {"text/plain": {"schema": {"type": "string"}}}
    assert found["components"]["schemas"] == {"Thing": thing}


def test_a_client_that_accepts_what_is_documented_is_answered():
    for methods in DOCUMENT["paths"].values():
        for described in methods.values():
            assert any(
                "application/json" in response.get("content", ()) for response in described["responses"].values()
            )


def test_the_document_says_where_and_how_to_call():
    assert DOCUMENT["openapi"] == "3.0.3"
    assert DOCUMENT["servers"] == [{"url": "http://localhost:8088/api"}]
    assert DOCUMENT["components"]["securitySchemes"] == {"basicAuth": {"type": "http", "scheme": "basic"}}
    assert {"basicAuth": []} in DOCUMENT["security"]
    assert "full JID" in DOCUMENT["info"]["description"]


@pytest.mark.parametrize(
    ("admin", "url"), [(OPEN, "/api"), ('host = "_"\npath = "/a/b"', "/a/b"), ('host = "_"\npath = ""', "/")]
)
async def test_the_served_document_points_to_where_it_is_served(start: Start, admin: str, url: str):
    server = await start(admin=admin)

    answer = await server.api.get(f"/..{url.rstrip('/')}/openapi.json")

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json["servers"] == [{"url": url}]
    OpenAPIV30SpecValidator(answer.json).validate()


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/docs/start.js", "/docs/swagger-ui.css"])
async def test_the_documents_ask_for_credentials_as_a_browser_understands(start: Start, path: str):
    server = await start(admin=CREDENTIALS)

    for method, headers, status in [
        ("GET", {}, 401),
        ("GET", {"Authorization": "rubbish"}, 400),
        ("POST", {}, 405),
        ("HEAD", {}, 405),
        ("OPTIONS", {}, 200),
        ("GET", {"Authorization": "Basic YWxhOm1ha290YQ==", "Accept": "text/html"}, 200),
    ]:
        answer = await server.api.request(method, path, headers=headers)
        assert answer.status == status
        assert answer.headers.get("WWW-Authenticate") == ('Basic realm="mongooseim"' if status == 401 else None)


async def test_the_page_loads_only_what_lies_beside_it(start: Start):
    server = await start()

    for path, folder in [("/docs", "docs/"), ("/docs/", "")]:
        page = await server.api.get(path)
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert f'src="{folder}swagger-ui-bundle.js"' in page.text
        assert "://" not in page.text
    for name, kind in [
        ("swagger-ui-bundle.js", "text/javascript"),
        ("swagger-ui.css", "text/css"),
        ("start.js", "text/javascript"),
        ("favicon-32x32.png", "image/png"),
    ]:
        asset = await server.api.get(f"/docs/{name}")
        assert asset.status == 200
        assert asset.headers["Content-Type"].startswith(kind)
        assert asset.body
    for path in ("/docs/..%2f__init__.py", "/docs/index.css", "/docs/swagger-ui.css/x", "/docs/LICENSE"):
        assert (await server.api.get(path)).status == 404


def test_serving_the_api_does_not_import_what_only_the_document_needs():
    names = "{'aiohttp_apispec', 'apispec', 'marshmallow', 'webargs', 'jinja2'}"
    code = f"import sys, mim.admin, mim.net.http; print(sorted({names} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_one_module_knows_aiohttp_apispec():
    files = (Path(__file__).parents[2] / "mim").rglob("*.py")

    assert [path.name for path in files if "from aiohttp_apispec import" in path.read_text()] == ["swagger2.py"]


def test_a_document_for_a_file_needs_no_running_server(tmp_path: Path):
    file = tmp_path / "mongooseim.toml"
    file.write_text(config("[modules.mod_other]"))
    plugins = Path(__file__).parent / "plugins"

    done = subprocess.run(
        [sys.executable, "-m", "mim", "openapi", "--config", str(file)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "MIM_PLUGIN_PATH": str(plugins)},
    )

    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)["paths"]) == {"/commands", "/others"}
