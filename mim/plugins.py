"""Modules found, ordered by their needs, started and stopped.

Found, first match wins: ``mod_x.py`` in a folder ``plugins`` beside the TOML file, in the folders of
``MIM_PLUGIN_PATH``, the modules that ship with mim, then installed packages' entry points of the group
``mim.modules``. Only what is asked for is imported.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import entry_points
from pathlib import Path

import mim_plugins
from mim.commands.model import commands_of
from mim.config import ModuleInfo, Options
from mim.config.tables import declared_options, is_written, with_options
from mim.errors import BadRequest, Conflict, MimError, NotFound
from mim.host import Host
from mim.plugin import Module, ModuleApi, iq_handlers_of, nonza_handlers_of
from mim.server import Server

GROUP = "mim.modules"


class ModuleCatalogue:
    """The modules that could run, by name; the class behind a name is imported when first asked for.

    *before*: a catalogue made earlier; what it has imported stays, except files that have changed since.
    """

    def __init__(self, folders: Iterable[Path] = (), *, before: ModuleCatalogue | None = None) -> None:
        self._files: dict[str, Path] = {}
        for folder in folders:
            for name, path in _modules_in(folder):
                self._files.setdefault(name, path)
        self._shipped = {info.name for info in pkgutil.iter_modules(mim_plugins.__path__) if info.name[:4] == "mod_"}
        self._classes: dict[str, type[Module[Options]]] = {}
        self._stamps: dict[str, tuple[Path, int]] = {}
        self._installed: dict[str, str] | None = None
        if before is not None:
            self._keep(before)

    def _keep(self, before: ModuleCatalogue) -> None:
        for name, made in before._classes.items():
            if before._stamps.get(name) == self._stamp(name):
                self._classes[name] = made
                if name in before._stamps:
                    self._stamps[name] = before._stamps[name]

    def _stamp(self, name: str) -> tuple[Path, int] | None:
        """Return what tells whether a module's file is another than it was; None for a module that is no such file."""
        path = self._files.get(name)
        return None if path is None else (path, path.stat().st_mtime_ns)

    @property
    def names(self) -> list[str]:
        """Return all names, sorted."""
        return sorted({*self._files, *self._shipped, *self._entry_points()})

    def source_of(self, name: str) -> str:
        """Return where a module comes from, for people."""
        if name in self._files:
            return str(self._files[name])
        return "built in" if name in self._shipped else f"package {self._entry_points().get(name, '?')}"

    def get(self, name: str) -> type[Module[Options]]:
        """Import a module and return its class.

        Raises:
            NotFound: there is no module of that name.
            BadRequest: its file cannot be imported, or has no ``setup``; the text says why.
        """
        found = self._classes.get(name)
        if found is None:
            found = self._classes[name] = self._import(name)
        return found

    def info_of(self, name: str) -> ModuleInfo | None:
        """Return what the checks of a file ask about a module, None when there is no such module."""
        try:
            made = self.get(name)
        except NotFound:
            return None
        to_be_written = tuple(name for name in made.needs if name not in made.starts)
        return ModuleInfo(made.Options, to_be_written, made.dynamic_domains)

    def _entry_points(self) -> dict[str, str]:
        if self._installed is None:
            self._installed = {point.name: point.value for point in entry_points(group=GROUP)}
        return self._installed

    def _import(self, name: str) -> type[Module[Options]]:
        try:
            stamp = self._stamp(name)
            if stamp is not None:
                python = _import_file(name, stamp[0])
                self._stamps[name] = stamp
            elif name in self._shipped:
                python = importlib.import_module(f"mim_plugins.{name}")
            elif name in self._entry_points():
                python = importlib.import_module(self._entry_points()[name].partition(":")[0])
            else:
                raise NotFound(f"there is no module {name}")
        except MimError:
            raise
        except Exception as error:
            raise BadRequest(f"{name} cannot be imported: {type(error).__name__}: {error}") from error
        made = getattr(python, "setup", None)
        if not (isinstance(made, type) and issubclass(made, Module)):
            raise BadRequest(f"{name} has no setup = <class derived from mim.plugin.Module>")
        made.name = name
        return made


def _modules_in(folder: Path) -> Iterable[tuple[str, Path]]:
    """Yield the single-file modules of a folder; a folder with __init__.py is a package, not a plugin folder."""
    if not folder.is_dir() or (folder / "__init__.py").exists():
        return
    for path in sorted(folder.glob("mod_*.py")):
        yield path.stem, path


def _import_file(name: str, path: Path) -> object:
    qualified = f"mim_local.{name}"
    spec = importlib.util.spec_from_file_location(qualified, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[qualified] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[qualified]
        raise
    return module


def start_order(classes: Mapping[str, type[Module[Options]]]) -> list[str]:
    """Return the names ordered so that each comes after what it needs and after what it wants to follow.

    Raises:
        BadRequest: the needs run in a circle.
    """
    order: list[str] = []
    state: dict[str, bool] = {}  # False: being visited, True: placed

    def visit(name: str, path: tuple[str, ...]) -> None:
        if state.get(name):
            return
        if name in state:
            raise BadRequest(f"modules need each other in a circle: {' -> '.join((*path, name))}")
        state[name] = False
        made = classes[name]
        for other in (*made.needs, *made.after):
            if other in classes:
                visit(other, (*path, name))
        state[name] = True
        order.append(name)

    for name in classes:
        visit(name, ())
    return order


class ModuleManager:
    """Starts and stops modules on hosts, while the server runs too; stopping leaves no trace."""

    def __init__(self, server: Server, catalogue: ModuleCatalogue) -> None:
        self._server = server
        self._catalogue = catalogue
        self._running: dict[tuple[str, str], Module[Options]] = {}

    def use(self, catalogue: ModuleCatalogue) -> None:
        """Take modules from another catalogue from now on; those that run go on."""
        self._catalogue = catalogue

    def has_changed(self, module: Module[Options]) -> bool:
        """Tell whether a running module's file has been imported anew since it started."""
        return type(module) is not self._catalogue.get(module.name)

    def running(self, host: Host) -> list[str]:
        """Return the names of the modules that run on *host*, in the order they started."""
        return [name for host_name, name in self._running if host_name == host.name]

    def find(self, host: Host, name: str) -> Module[Options] | None:
        """Return a running module, or None."""
        return self._running.get((host.name, name))

    async def start_all(self, host: Host, sections: Mapping[str, Options]) -> None:
        """Start the modules of a host's file sections, in the order of their needs."""
        options = self.with_automatic_starts(sections)
        for name in self.in_order(options):
            await self.start(host, name, options[name])

    def with_automatic_starts(self, sections: Mapping[str, Options]) -> dict[str, Options]:
        """Return the sections together with those of the modules that they start (contract/modules)."""
        options = dict(sections)
        known = self._catalogue.names
        for name, section in list(options.items()):
            for other in self._catalogue.get(name).also_starts(section):
                if other in known:
                    options.setdefault(other, self._catalogue.get(other).Options())
            for other in self._catalogue.get(name).shares_options_with:
                if other in options:
                    options[other] = _completed(options[other], section)
        return options

    def in_order(self, names: Iterable[str]) -> list[str]:
        """Return the names in the order to start them."""
        return start_order({name: self._catalogue.get(name) for name in names})

    async def stop_all(self, host: Host) -> None:
        """Stop everything on a host, last started first."""
        for name in reversed(self.running(host)):
            await self._stop(host, name)

    async def start(self, host: Host, name: str, options: Options | None = None) -> None:
        """Start a module on a host; its hooks, handlers, commands and features appear at once.

        Raises:
            NotFound: there is no such module.
            Conflict: it runs already, or what it registers clashes with another.
            MimError, Exception: whatever its start() raises. Then nothing of it stays.
        """
        if (host.name, name) in self._running:
            raise Conflict(f"{name} runs already on {host.name}")
        made = self._catalogue.get(name)
        if made.schema is not None:
            await self._server.database.migrate(made.schema)
        api = ModuleApi(name, host, self._server)
        module = made(api, options if options is not None else made.Options())
        handlers = dict(iq_handlers_of(module))
        nonzas = dict(nonza_handlers_of(module))
        clashes = [*(host.iq_handlers.keys() & handlers.keys()), *(host.nonza_handlers.keys() & nonzas.keys())]
        if clashes:
            raise Conflict(f"{name}: another module answers {clashes[0]}")
        try:
            await module.start()
            host.hooks.register(module, name)
            self._server.commands.register(_owner(host, name), tuple(commands_of(module)))
        except BaseException:
            await self._undo(host, name, module, api)
            raise
        host.iq_handlers.update(handlers)
        host.nonza_handlers.update(nonzas)
        host.set_features(name, module.features)
        self._running[host.name, name] = module

    async def stop(self, host: Host, name: str) -> None:
        """Stop a module.

        Raises:
            NotFound: it does not run there.
            Conflict: another running module needs it; the text names it.
        """
        if (host.name, name) not in self._running:
            raise NotFound(f"{name} does not run on {host.name}")
        for other in self.running(host):
            if name in self._catalogue.get(other).needs:
                raise Conflict(f"{name} is needed by {other}")
        await self._stop(host, name)

    async def stop_with_dependents(self, host: Host, name: str) -> None:
        """Stop a module and, before it, every running one that needs it; nothing happens when it does not run."""
        for other in reversed(self.running(host)):
            if name in self._catalogue.get(other).needs:
                await self.stop_with_dependents(host, other)
        if (host.name, name) in self._running:
            await self._stop(host, name)

    async def restart(self, host: Host, name: str, options: Options | None = None) -> None:
        """Stop a module and start it again, with other options when given, and those that need it likewise."""
        dependents = [other for other in self.running(host) if name in self._catalogue.get(other).needs]
        kept = {other: self._running[host.name, other].options for other in (name, *dependents)}
        for other in reversed([name, *dependents]):
            await self._stop(host, other)
        for other in (name, *dependents):
            await self.start(host, other, options if other == name and options is not None else kept[other])

    async def _stop(self, host: Host, name: str) -> None:
        module = self._running.pop((host.name, name))
        for key, handler in iq_handlers_of(module):
            if host.iq_handlers.get(key) == handler:
                del host.iq_handlers[key]
        for nonza, nonza_handler in nonza_handlers_of(module):
            if host.nonza_handlers.get(nonza) == nonza_handler:
                del host.nonza_handlers[nonza]
        host.set_features(name, ())
        await self._undo(host, name, module, module.api)

    async def _undo(self, host: Host, name: str, module: Module[Options], api: ModuleApi) -> None:
        self._server.commands.unregister(_owner(host, name))
        if host.hooks.is_registered(module):
            host.hooks.unregister(module)
        try:
            await module.stop()
        except Exception:
            api.log.exception("module failed to stop", extra={"plugin": name})
        await api.close()


def _completed(options: Options, other: Options) -> Options:
    """Return *options* with what is written in *other* for the keys that are not written in them."""
    open_names = [name for name in declared_options(type(options)) if not is_written(options, name)]
    missing = {name: getattr(other, name) for name in open_names if is_written(other, name)}
    return with_options(options, **missing) if missing else options


def _owner(host: Host, name: str) -> str:
    return f"{host.name}/{name}"
