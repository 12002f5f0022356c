"""Timers on the server's clock, as tests and modules use them."""

from __future__ import annotations

from tests.harness import MovableClock

PLUGIN = '''
"""A module with timers."""

from mim.plugin import Module


class ModTimed(Module):
    """Counts."""

    async def start(self):
        self.fired = []
        self.api.call_later(60, lambda: self.fired.append("minute"))
        self.api.call_later(60, self.fail)
        self.cancelled = self.api.call_later(60, lambda: self.fired.append("cancelled"))
        self.api.call_later(3600, lambda: self.fired.append("hour"))

    def fail(self):
        raise RuntimeError("on purpose")


setup = ModTimed
'''


async def test_a_timer_fires_when_the_clock_is_moved_past_it():
    clock = MovableClock()
    calls: list[str] = []
    clock.call_later(100, lambda: calls.append("fired"))

    await clock.elapse(50)
    assert calls == []

    await clock.elapse(50)
    assert calls == ["fired"]
    assert not clock.timers


async def test_a_cancelled_timer_never_fires():
    clock = MovableClock()
    calls: list[str] = []
    clock.call_later(10, lambda: calls.append("cancelled")).cancel()

    await clock.elapse(20)

    assert calls == []


async def test_timers_of_a_module_end_with_it_and_one_that_fails_is_logged(serve, tmp_path, caplog):
    (tmp_path / "mod_timed.py").write_text(PLUGIN)
    server = await serve("[modules.mod_timed]", folders=[tmp_path], admin=None)
    module = server.app.modules.find(server.app.host("localhost"), "mod_timed")
    module.cancelled.cancel()

    await server.clock.elapse(61)

    assert module.fired == ["minute"]
    assert "timer failed" in caplog.text

    await server.stop_module("mod_timed")
    assert not server.clock.timers
