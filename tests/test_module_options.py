"""What a module lets its options decide: its disco features, and which modules start with it."""

from __future__ import annotations

from pathlib import Path

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
