"""Files of the contract, and the modules they name."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from mim.config import Config, ConfigErrors, load
from mim.config.loader import Stage
from mim.config.modules import info_of
from mim.config.planned import PLANNED
from mim.plugins import ModuleCatalogue

HERE = Path(__file__).parent
INVALID = HERE / "invalid"
CATALOGUE = ModuleCatalogue()
FILES_NAMED = (
    "priv/cert.pem", "priv/dc1.pem", "priv/dh.pem", "priv/server.pem", "priv/ca.pem", "priv/access_psk",
    "priv/provision_psk", "priv/ssl/fake_server.pem", "priv/ssl/fake_cert.pem", "priv/ssl/fake_key.pem",
    "priv/ssl/fake_dh_server.pem", "priv/ssl/cacert.pem",
)  # fmt: skip
BEING_WRITTEN: frozenset[str] = frozenset()
"""Modules whose plugins are under way: a file that configures one is checked without it until it is there."""
VOCABULARY = BEING_WRITTEN | PLANNED | {
    "mod_adhoc", "mod_blocking", "mod_bosh", "mod_carboncopy", "mod_commands", "mod_csi", "mod_disco",
    "mod_domain_isolation",
    "mod_extdisco", "mod_last", "mod_mam_meta", "mod_muc", "mod_muc_commands", "mod_muc_log", "mod_muc_light",
    "mod_muc_light_commands", "mod_offline", "mod_offline_stub", "mod_ping", "mod_privacy",
    "mod_private", "mod_register", "mod_roster", "mod_sic", "mod_stream_management", "mod_time", "mod_vcard",
    "mod_version",
}  # fmt: skip
"""The modules of MongooseIM 5.1."""
MINIMAL = """
[general]
  hosts = ["localhost"]
  default_server_domain = "localhost"
"""


def contract_folder() -> Path | None:
    """Return the folder of the contract: MIM_CONTRACT_DIR, or ``shared/contract`` beside or above the repository."""
    named = os.environ.get("MIM_CONTRACT_DIR")
    if named:
        return Path(named)
    found = (parent / "shared" / "contract" for parent in HERE.parents)
    return next((folder for folder in found if folder.is_dir()), None)


def make_files_named(folder: Path) -> None:
    """Make the files that the contract's files name, empty, below *folder*."""
    for name in FILES_NAMED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (folder / "www/muc").mkdir(parents=True)


def missing_modules(text: str) -> set[str]:
    """Return the modules whose tables a text has and that have neither a plugin nor a declaration yet."""
    named = set(re.findall(r"^\s*(?:\[+(?:host_config\.)?modules\.)(mod_\w+)", text, re.MULTILINE))
    return {name for name in named & VOCABULARY if info_of(CATALOGUE, name) is None}


def read(text: str, *, until: Stage = "strict", **environment: str) -> Config:
    """Load a text with all modules there are."""
    return load(text, modules=CATALOGUE, environment=environment, until=until)


def problems(text: str, *, until: Stage = "strict", **environment: str) -> list[Any]:
    """Return the problems of a text; none when it is good."""
    try:
        read(text, until=until, **environment)
    except ConfigErrors as errors:
        return errors.problems
    return []


def texts(text: str, *, until: Stage = "strict", **environment: str) -> list[str]:
    """Return the problems of a text as people read them."""
    return [str(problem) for problem in problems(text, until=until, **environment)]
