"""TOML to frozen, typed options; knows no server."""

from mim.config.errors import ConfigErrors, Problem
from mim.config.loader import Config, HostConfig, Notice, load, load_file
from mim.config.options import (
    AccessRuleName,
    Domain,
    HostTemplate,
    Infinity,
    IpAddress,
    IpOrCidr,
    IqDisc,
    JidText,
    ModuleOptions,
    NodePrep,
    NonEmpty,
    Options,
    Port,
    ShaperName,
    expand_host,
    option,
)

__all__ = [
    "AccessRuleName",
    "Config",
    "ConfigErrors",
    "Domain",
    "HostConfig",
    "HostTemplate",
    "Infinity",
    "IpAddress",
    "IpOrCidr",
    "IqDisc",
    "JidText",
    "ModuleOptions",
    "NodePrep",
    "NonEmpty",
    "Notice",
    "Options",
    "Port",
    "Problem",
    "ShaperName",
    "expand_host",
    "load",
    "load_file",
    "option",
]
