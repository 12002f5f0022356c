"""``[outgoing_pools]``: connections to other servers, made when first used and made again when they break."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mim.config.sections import OutgoingPools
from mim.config.sections.pools import HttpPool as HttpSection
from mim.config.sections.pools import Pool as Section

if TYPE_CHECKING:
    from mim.pools.http import HttpPool


class Pools:
    """The pools of the file, by type and tag; those of scope "host" once per host."""

    def __init__(self, options: OutgoingPools) -> None:
        self._options = options
        self._http: dict[tuple[str, str], HttpPool] = {}

    @staticmethod
    def check(options: OutgoingPools) -> None:
        """See that pools could be made of these options.

        Raises:
            BadRequest: one cannot; the text says which option is wrong.
        """
        if options.http:
            from mim.pools.http import HttpPool

            for tag, section in options.http.items():
                HttpPool(tag, section)

    def open(self, host: str) -> None:
        """Make the pools that serve a host; their connections are made when they are used.

        Raises:
            BadRequest: the options of one cannot work; the text says which.
        """
        for tag in self._options.http:
            self.http(tag, host)

    def http(self, tag: str, host: str) -> HttpPool | None:
        """Return the pool of ``outgoing_pools.http`` with that tag for a host, None when the file has none for it."""
        section = self._options.http.get(tag)
        if section is None or not _serves(section, host):
            return None
        return self._shared_http(tag, host if section.scope == "host" else "", section)

    def _shared_http(self, tag: str, host: str, section: HttpSection) -> HttpPool:
        from mim.pools.http import HttpPool  # aiohttp's client is imported where the file asks for it

        pool = self._http.get((tag, host))
        if pool is None:
            pool = self._http[tag, host] = HttpPool(tag, section)
        return pool

    async def change(self, options: OutgoingPools) -> None:
        """Obey other options that are good: who holds a pool goes on with them, a pool that is gone refuses."""
        self._options = options
        for (tag, host), pool in list(self._http.items()):
            section = options.http.get(tag)
            if section is None:
                del self._http[tag, host]
                await pool.close()
            else:
                await pool.change(section)

    async def close(self) -> None:
        """Close all connections."""
        for pool in self._http.values():
            await pool.close()
        self._http.clear()


def _serves(section: Section, host: str) -> bool:
    return section.scope != "single_host" or section.host == host
