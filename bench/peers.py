"""The servers under test: mim from this checkout, ejabberd and Prosody from Debian's packages, set up alike.

All listen on loopback without TLS, for the domain ``localhost``, with in-band registration (that is how the accounts
come in) and rooms at ``conference.localhost``. What is not installed is left out by name.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from bench.proc import tree

ROOT = Path(__file__).parents[1]
START_SECONDS = 60.0
ROOMS = "conference.localhost"


@dataclass
class Settings:
    """How a server is set up for a measurement."""

    archive: bool = True


class Peer(ABC):
    """One server: its files in a folder of its own, its process, its ports."""

    name = ""
    c2s_port = 0
    http_port = 0

    def __init__(self, folder: Path) -> None:
        self.folder = folder / self.name
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    @abstractmethod
    def version(cls) -> str:
        """Return the version, empty when the server is not installed."""

    @abstractmethod
    def configure(self, settings: Settings) -> None:
        """Write the configuration."""

    @abstractmethod
    def command(self) -> list[str]:
        """Return the command that runs the server in the foreground."""

    @property
    def pid(self) -> int:
        """Return the process id of the server's root process."""
        assert self._process is not None
        return self._process.pid

    def start(self, settings: Settings) -> float:
        """Start the server and return the seconds until its ports accept connections."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.configure(settings)
        log = (self.folder / "output.log").open("ab")
        for port in filter(None, (self.c2s_port, self.http_port)):
            if _is_open(port):
                raise RuntimeError(f"something listens on port {port} already; it would be measured instead")
        began = time.perf_counter()
        self._process = subprocess.Popen(
            self.command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self.environment(),
            start_new_session=True,
        )  # fmt: skip
        log.close()
        for port in (self.c2s_port, self.http_port):
            if port:
                self._wait_for(port)
        return time.perf_counter() - began

    def environment(self) -> dict[str, str]:
        """Return the environment of the server."""
        return dict(os.environ)

    def _wait_for(self, port: int) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if self._process is None or self._process.poll() is not None:
                raise RuntimeError(f"{self.name} ended: {(self.folder / 'output.log').read_text()[-400:]}")
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                time.sleep(0.005)
            else:
                return
        raise RuntimeError(f"{self.name} does not listen on {port}; see {self.folder / 'output.log'}")

    def stop(self) -> None:
        """End the server; return when all of its processes are gone, so that its ports are free."""
        if self._process is None:
            return
        members = tree(self._process.pid)
        for number, patience in ((signal.SIGTERM, 20.0), (signal.SIGKILL, 10.0)):
            for pid in members:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            end = time.monotonic() + patience
            while time.monotonic() < end and any(map(_is_alive, members)):
                self._process.poll()  # a child that has ended and was not asked about is still there
                time.sleep(0.05)
        self._process = None


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Mim(Peer):
    """This checkout, with the modules of the example file that the operations touch."""

    name = "mim"
    c2s_port = 18222
    http_port = 18280

    @classmethod
    def version(cls) -> str:
        """Return the version."""
        from mim.version import VERSION

        return VERSION

    def configure(self, settings: Settings) -> None:
        """Write the TOML file: the default options, no TLS, no limit on registrations."""
        archive = "[modules.mod_mam_meta]\n[modules.mod_mam_meta.pm]\n[modules.mod_mam_meta.muc]\n"
        (self.folder / "mongooseim.toml").write_text(f"""
[general]
hosts = ["localhost"]
default_server_domain = "localhost"
loglevel = "warning"
registration_timeout = "infinity"
[[listen.http]]
ip_address = "127.0.0.1"
port = {self.http_port}
[[listen.http.handlers.mongoose_api_admin]]
host = "_"
path = "/api"
[[listen.c2s]]
ip_address = "127.0.0.1"
port = {self.c2s_port}
max_stanza_size = 262144
backlog = 1024
[auth.internal]
[auth.password]
hash = ["sha"]
[modules.mod_commands]
[modules.mod_muc_commands]
[modules.mod_disco]
[modules.mod_roster]
versioning = true
[modules.mod_offline]
[modules.mod_carboncopy]
[modules.mod_ping]
[modules.mod_last]
[modules.mod_private]
[modules.mod_vcard]
[modules.mod_version]
[modules.mod_register]
ip_access = [{{address = "127.0.0.0/8", policy = "allow"}}]
[modules.mod_muc]
host = "conference.@HOST@"
max_users = 5000
max_user_conferences = 10000
[modules.mod_muc.default_room]
max_users = 5000
{archive if settings.archive else ""}
""")

    def command(self) -> list[str]:
        """Return ``mim run``."""
        file, data = self.folder / "mongooseim.toml", self.folder / "data"
        return [sys.executable, "-m", "mim", "run", "--config", str(file), "--data-dir", str(data)]

    def environment(self) -> dict[str, str]:
        """Return the environment; the checkout goes first."""
        path = f"{ROOT}{os.pathsep}{ROOT / '.mypy'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
        # An installed server has its bytecode at hand; without it a start is mostly compilation.
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return {**inherited, "PYTHONPATH": path}


def _debian_version(package: str, program: str) -> str:
    if shutil.which(program) is None:
        return ""
    asked = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, check=False)
    return asked.stdout.decode() or "?"


class Ejabberd(Peer):
    """ejabberd: archive in SQLite, which it recommends on one machine; schedulers do not spin while idle."""

    name = "ejabberd"
    c2s_port = 15222
    http_port = 15280

    @classmethod
    def version(cls) -> str:
        """Return Debian's version."""
        return _debian_version("ejabberd", "ejabberdctl")

    def configure(self, settings: Settings) -> None:
        """Write the YAML file and the options of its virtual machine."""
        for part in ("conf", "logs", "spool"):
            (self.folder / part).mkdir(exist_ok=True)
        archive = "mod_mam: {default: always, db_type: sql}" if settings.archive else "mod_time: {}"
        (self.folder / "conf/inetrc").write_text("")
        (self.folder / "conf/ejabberdctl.cfg").write_text(
            'ERL_DIST_PORT=15299\nERL_OPTIONS="+sbwt none +sbwtdcpu none +sbwtdio none'
            ' -kernel inet_dist_use_interface {127,0,0,1}"\n'
        )
        (self.folder / "conf/ejabberd.yml").write_text(f"""
loglevel: warning
hosts: [localhost]
auth_method: internal
auth_password_format: scram
sql_type: sqlite
sql_database: "{self.folder}/spool/archive.sqlite"
registration_timeout: infinity
listen:
  - {{port: {self.c2s_port}, ip: "127.0.0.1", module: ejabberd_c2s, max_stanza_size: 262144, shaper: none,
      access: all, starttls: false, backlog: 1024}}
  - {{port: {self.http_port}, ip: "127.0.0.1", module: ejabberd_http, backlog: 1024,
      request_handlers: {{/api: mod_http_api}}}}
acl:
  loopback: {{ip: [127.0.0.0/8]}}
api_permissions:
  "loopback": {{from: [mod_http_api], who: {{access: {{allow: [{{acl: loopback}}]}}}}, what: "*"}}
shaper_rules:
  max_user_sessions: 100
  max_user_offline_messages: infinity
modules:
  mod_admin_extra: {{}}
  mod_carboncopy: {{}}
  mod_disco: {{}}
  mod_http_api: {{}}
  mod_last: {{}}
  {archive}
  mod_muc:
    access: [allow]
    max_users: 5000
    max_user_conferences: 10000
    default_room_options: {{mam: {str(settings.archive).lower()}, max_users: 5000}}
  mod_muc_admin: {{}}
  mod_offline: {{access_max_user_messages: max_user_offline_messages}}
  mod_ping: {{}}
  mod_private: {{}}
  mod_register: {{access: all, ip_access: all}}
  mod_roster: {{versioning: true}}
  mod_stream_mgmt: {{}}
  mod_vcard: {{search: false}}
  mod_version: {{}}
""")
        shutil.chown(self.folder, "ejabberd")
        for path in self.folder.rglob("*"):
            shutil.chown(path, "ejabberd")

    def command(self) -> list[str]:
        """Return ejabberdctl in the foreground, as its own user."""
        return [
            "setpriv", "--reuid", "ejabberd", "--regid", "ejabberd", "--clear-groups",
            "ejabberdctl", "--config-dir", f"{self.folder}/conf", "--config", f"{self.folder}/conf/ejabberd.yml",
            "--logs", f"{self.folder}/logs", "--spool", f"{self.folder}/spool",
            "--node", "ejabberd-bench@localhost", "foreground",
        ]  # fmt: skip

    def environment(self) -> dict[str, str]:
        """Return the environment; the cookie goes to the spool folder."""
        return {**os.environ, "HOME": f"{self.folder}/spool"}


class Prosody(Peer):
    """Prosody with its default storage; it has no HTTP admin API in Debian's packages."""

    name = "prosody"
    c2s_port = 16222

    @classmethod
    def version(cls) -> str:
        """Return Debian's version."""
        return _debian_version("prosody", "prosody")

    def configure(self, settings: Settings) -> None:
        """Write the Lua file."""
        (self.folder / "data").mkdir(exist_ok=True)
        archive = '"mam";' if settings.archive else ""
        rooms = '"muc_mam"' if settings.archive else ""
        (self.folder / "prosody.cfg.lua").write_text(f"""
data_path = "{self.folder}/data"
pidfile = "{self.folder}/prosody.pid"
log = {{ warn = "{self.folder}/prosody.log" }}
network_backend = "epoll"
modules_enabled = {{
  "disco"; "roster"; "saslauth"; "carbons"; "private"; "smacks"; "vcard_legacy"; "ping"; "version"; "register";
  {archive}
}}
modules_disabled = {{ "s2s"; "tls" }}
authentication = "internal_hashed"
storage = "internal"
storage_archive_item_limit = 1000000
archive_expires_after = "never"
default_archive_policy = true
max_archive_query_results = 100
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
allow_registration = true
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {self.c2s_port} }}
c2s_direct_tls_ports = {{}}
http_ports = {{}}
https_ports = {{}}
VirtualHost "localhost"
Component "{ROOMS}" "muc"
  modules_enabled = {{ {rooms} }}
  muc_log_by_default = true
  restrict_room_creation = false
""")
        for path in (self.folder, *self.folder.rglob("*")):
            shutil.chown(path, "prosody")

    def command(self) -> list[str]:
        """Return prosody in the foreground, as its own user."""
        return [
            "setpriv", "--reuid", "prosody", "--regid", "prosody", "--clear-groups",
            "prosody", "--config", str(self.folder / "prosody.cfg.lua"), "-F",
        ]  # fmt: skip


PEERS: dict[str, type[Peer]] = {"mim": Mim, "ejabberd": Ejabberd, "prosody": Prosody}
