"""What a module lets its options decide: its disco features, and which modules start with it."""

from __future__ import annotations

from pathlib import Path

import pytest

CHOOSY = '''
"""A module that announces and starts what its options say."""

from mim.plugin import Module, Options, option


class ChoosyOptions(Options):
    feature: str = option("urn:example:default", help="What to announce.")
    other: str = option("", help="What to start.")


class ModChoosy(Module[ChoosyOptions]):
    """Says so."""

    Options = ChoosyOptions

    @classmethod
    def also_starts(cls, options):
        return (options.other,) if options.other else ()

    def __init__(self, api, options):
        super().__init__(api, options)
        self.features = (options.feature,)


setup = ModChoosy
'''

OTHER = '''
"""A module that nobody writes."""

from mim.plugin import Module


class ModOther(Module):
    """Is there."""

    features = ("urn:example:other",)


setup = ModOther
'''


def folder(path: Path) -> list[Path]:
    (path / "mod_choosy.py").write_text(CHOOSY)
    (path / "mod_other.py").write_text(OTHER)
    return [path]


async def test_a_module_announces_what_its_options_say(serve, tmp_path):
    server = await serve("[modules.mod_choosy]\nfeature = 'urn:example:chosen'", folders=folder(tmp_path), admin=None)
    host = server.app.host("localhost")

    assert "urn:example:chosen" in host.features()
    assert "urn:example:default" not in host.features()

    await server.stop_module("mod_choosy")
    assert "urn:example:chosen" not in host.features()


async def test_options_decide_what_starts_with_a_module(serve, tmp_path):
    server = await serve("[modules.mod_choosy]\nother = 'mod_other'", folders=folder(tmp_path), admin=None)
    assert server.app.modules.running(server.app.host("localhost")) == ["mod_choosy", "mod_other"]


async def test_a_module_that_this_version_does_not_have_is_not_started_with_another(serve, tmp_path):
    server = await serve("[modules.mod_choosy]\nother = 'mod_unknown'", folders=folder(tmp_path), admin=None)
    assert server.app.modules.running(server.app.host("localhost")) == ["mod_choosy"]


SHARING = '''
"""A module that starts another with its own options."""

from mim.plugin import Module, Options, option


class SharingOptions(Options):
    size: int = option(1, help="A number.")
    name: str = option("mine", help="A text.")
    extra: bool = option(False, help="The other has no such option.")


class ModSharing(Module[SharingOptions]):
    """Shares."""

    Options = SharingOptions
    starts = ("mod_shared",)
    shares_options_with = ("mod_shared",)


setup = ModSharing
'''

SHARED = '''
"""A module that is started by another."""

from mim.plugin import Module, Options, option


class SharedOptions(Options):
    size: int = option(2, help="A number.")
    name: str = option("own", help="A text.")


class ModShared(Module[SharedOptions]):
    """Is there."""

    Options = SharedOptions


setup = ModShared
'''


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ("[modules.mod_sharing]", (2, "own")),
        ("[modules.mod_sharing]\nsize = 7\nextra = true", (7, "own")),
        ("[modules.mod_sharing]\nsize = 7\nname = 'x'\n[modules.mod_shared]\nname = 'y'", (7, "y")),
        ("[modules.mod_shared]\nname = 'own'\n[modules.mod_sharing]\nname = 'x'", (2, "own")),
    ],
)
async def test_a_started_module_takes_the_options_that_its_own_section_has_not(serve, tmp_path, sections, expected):
    (tmp_path / "mod_sharing.py").write_text(SHARING)
    (tmp_path / "mod_shared.py").write_text(SHARED)
    server = await serve(sections, folders=[tmp_path], admin=None)

    options = server.app.modules.find(server.app.host("localhost"), "mod_shared").options

    assert (options.size, options.name) == expected
