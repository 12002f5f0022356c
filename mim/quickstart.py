"""What makes the server's start shorter."""

from __future__ import annotations

import ssl


def import_aiohttp() -> None:
    """Import aiohttp without the system's certificates, which it reads twice, for clients that use its contexts.

    Ours do not: a pool that checks a service makes a context of its own (``mim/pools/http.py``). A client that did
    use aiohttp's would trust nobody.
    """
    originals = ssl.SSLContext.load_default_certs, ssl.SSLContext.set_default_verify_paths
    names = "load_default_certs", "set_default_verify_paths"
    try:
        for name in names:
            setattr(ssl.SSLContext, name, lambda *_: None)
        import aiohttp.web  # noqa: F401
    finally:
        for name, original in zip(names, originals, strict=True):
            setattr(ssl.SSLContext, name, original)
