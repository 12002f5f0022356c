"""What the checks of a file ask about modules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mim.config.tables import Options


@dataclass(frozen=True, slots=True)
class ModuleInfo:
    """A module as the file sees it."""

    options: type[Options]
    needs: tuple[str, ...] = ()
    """Modules that it depends on; a warning when they are not written."""
    dynamic_domains: bool = True
    """It works for host types, whose domains come and go."""
    is_available: bool = True
    """It can run."""


class Modules(Protocol):
    """The modules there are."""

    @property
    def names(self) -> list[str]:
        """Return the names of all modules that can run, sorted."""
        ...

    def info_of(self, name: str) -> ModuleInfo | None:
        """Return what is known about a module, None when there is no such module.

        Raises:
            MimError: its file cannot be imported; the text says why.
        """
        ...


def info_of(modules: Modules, name: str) -> ModuleInfo | None:
    """Return what is known about a module, also about one of the vocabulary that this version does not have."""
    from mim.config.planned import planned

    return modules.info_of(name) or planned(name)


def known_modules(modules: Modules) -> list[str]:
    """Return the names that may be written, sorted."""
    from mim.config.planned import PLANNED

    return sorted({*modules.names, *PLANNED})
