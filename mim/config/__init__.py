"""TOML to frozen, typed options; knows no server."""

from mim.config.errors import ConfigErrors, Problem
from mim.config.loader import Config, HostConfig, Notice, load, load_file
from mim.config.modules import ModuleInfo
from mim.config.options import (
    AccessRuleName,
    Domain,
    ExistingDirectory,
    ExistingFile,
    HostTemplate,
    HttpPoolName,
    Infinity,
    IpAddress,
    IpOrCidr,
    IqDisc,
    JidText,
    ModuleName,
    ModuleOptions,
    NodePrep,
    NonEmpty,
    Port,
    ShaperName,
    expand_host,
)
from mim.config.tables import Options, Refusal, option

__all__ = [
    "AccessRuleName",
    "Config",
    "ConfigErrors",
    "Domain",
    "ExistingDirectory",
    "ExistingFile",
    "HostConfig",
    "HostTemplate",
    "HttpPoolName",
    "Infinity",
    "IpAddress",
    "IpOrCidr",
    "IqDisc",
    "JidText",
    "ModuleInfo",
    "ModuleName",
    "ModuleOptions",
    "NodePrep",
    "NonEmpty",
    "Notice",
    "Options",
    "Port",
    "Problem",
    "Refusal",
    "ShaperName",
    "expand_host",
    "load",
    "load_file",
    "option",
]
