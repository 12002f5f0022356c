"""TOML to frozen, typed options; knows no server."""

from mim.config.options import Options, option

__all__ = ["Options", "option"]
