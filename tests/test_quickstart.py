"""The import of aiohttp without the system's certificates."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import ssl
load = ssl.SSLContext.load_default_certs
from mim.quickstart import import_aiohttp
import_aiohttp()
from aiohttp import connector
print(len(connector._SSL_CONTEXT_VERIFIED.get_ca_certs()), connector._SSL_CONTEXT_VERIFIED.verify_mode.name)
print(ssl.SSLContext.load_default_certs is load)
"""


def test_aiohttp_s_own_contexts_trust_nobody_and_those_made_later_are_as_ever():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "CERT_REQUIRED", "True"]
