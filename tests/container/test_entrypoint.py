"""The container's entry point, run as the image runs it but in a clean directory: there is no engine to test with."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import sys
from pathlib import Path

import pytest

from tests.harness import Api

ROOT = Path(__file__).parents[2]
ENTRYPOINT = ROOT / "container" / "entrypoint.sh"


class Container:
    """A process started by the entry point; ``/usr/share/mim`` and ``/var/lib/mim`` are folders of the test."""

    def __init__(self, folder: Path, port: int) -> None:
        self.data = folder / "data"
        self.data.mkdir(exist_ok=True)
        programs = folder / "bin"
        programs.mkdir(exist_ok=True)
        for name, command in (("mim", f'exec {sys.executable} -m mim "$@"'), ("python", f'exec {sys.executable} "$@"')):
            path = programs / name
            path.write_text(f"#!/bin/sh\n{command}\n")
            path.chmod(0o755)
        self.port = port
        self.environment = {
            "PATH": f"{programs}:/usr/bin:/bin",
            "PYTHONPATH": os.pathsep.join(map(os.path.abspath, filter(None, sys.path))),
            "MIM_EXAMPLE": str(ROOT / "mongooseim.toml"),
            "MIM_CONFIG": str(folder / "etc" / "mongooseim.toml"),
            "MIM_DATA_DIR": str(self.data),
            "MIM__LISTEN__HTTP__0__PORT": str(port),
            "MIM__LISTEN__C2S__0__PORT": "0",
        }
        self.process: asyncio.subprocess.Process | None = None

    async def start(self, **environment: str) -> str:
        """Start and return what it printed up to the line that says it is ready."""
        self.process = await asyncio.create_subprocess_exec(
            str(ENTRYPOINT), "run",
            cwd=self.data, env={**self.environment, **environment},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        assert self.process.stdout is not None
        lines = []
        async with asyncio.timeout(20):
            while line := (await self.process.stdout.readline()).decode():
                lines.append(line)
                if " is ready: " in line:
                    return "".join(lines)
        raise AssertionError("".join(lines))

    async def stop(self) -> int:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.terminate()
        return await asyncio.wait_for(self.process.wait(), 20)

    async def status(self, user: str = "", password: str = "") -> int:
        headers = {"Host": "anything.example"}
        if user:
            headers["Authorization"] = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        api = Api(self.port)
        try:
            return (await api.get("/commands", headers=headers)).status
        finally:
            await api.close()


@pytest.fixture
async def container(tmp_path, free_port):
    container = Container(tmp_path, free_port)
    yield container
    if container.process is not None:
        await container.stop()


async def test_password_is_made_once_printed_once_and_kept(container):
    output = await container.start()
    user, password = re.search(r"user (\S+)  password (\S+)", output).groups()
    assert await container.status() == 401
    assert await container.status(user, "wrong") == 401
    assert await container.status(user, password) == 200
    assert await container.stop() == 0
    assert (container.data / "api-credentials").stat().st_mode & 0o777 == 0o600

    output = await container.start()

    assert password not in output
    assert await container.status(user, password) == 200


async def test_password_from_the_environment(container):
    output = await container.start(MIM_API_USER="ops", MIM_API_PASSWORD="from the environment")
    assert "from the environment" not in output
    assert not (container.data / "api-credentials").exists()
    assert await container.status() == 401
    assert await container.status("ops", "from the environment") == 200


async def test_a_file_of_ones_own_is_obeyed_as_it_is(container, tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "mongooseim.toml").write_text(
        "[general]\nhosts = ['localhost']\ndefault_server_domain = 'localhost'\n[auth.internal]\n"
        f"[[listen.http]]\nport = {container.port}\nip_address = '127.0.0.1'\n"
        "[[listen.http.handlers.mongoose_api_admin]]\nhost = '_'\npath = '/api'\n"
        "[[listen.c2s]]\nport = 0\nip_address = '127.0.0.1'\n[modules.mod_commands]\n"
    )
    output = await container.start()
    assert "password" not in output
    assert await container.status() == 200
    assert not (container.data / "api-credentials").exists()


def test_image_has_what_it_copies_and_checks_health():
    dockerfile = (ROOT / "Dockerfile").read_text()
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for line in dockerfile.splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert (ROOT / source).exists(), source
                assert any(f"!{source}".startswith(allowed) for allowed in ignored if allowed.startswith("!")), source
    assert json.loads(re.search(r"HEALTHCHECK .* CMD (.*)", dockerfile).group(1)) == ["mim", "health"]
    assert "USER 5222:5222" in dockerfile
