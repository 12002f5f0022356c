"""``[shaper]``, ``[acl]`` and ``[access]``: limits, classes of users, and what each class may."""

from __future__ import annotations

from typing import Literal

from mim.config.options import AclName, Glob, Prepared, Regex
from mim.config.tables import Options, option


class Shaper(Options):
    """``[shaper.NAME]``: a token bucket of this size, filled at this rate."""

    max_rate: int = option(minimum=1, unit="per second", help="Bytes for connections, operations for the archive.")


class Pattern(Options):
    """``[[acl.CLASS]]``: all conditions must hold."""

    match: Literal["all", "current_domain", "any_hosted_domain", "none"] = option(
        "current_domain", help="Which domains the pattern looks at."
    )
    user: Prepared | None = option(None, help="User name equals.")
    server: Prepared | None = option(None, help="Domain equals.")
    resource: Prepared | None = option(None, help="Resource equals.")
    user_regexp: Regex | None = option(None, help="User name contains a match of the expression.")
    server_regexp: Regex | None = option(None, help="Domain contains a match of the expression.")
    resource_regexp: Regex | None = option(None, help="Resource contains a match of the expression.")
    user_glob: Glob | None = option(None, help="User name matches the shell pattern as a whole.")
    server_glob: Glob | None = option(None, help="Domain matches the shell pattern as a whole.")
    resource_glob: Glob | None = option(None, help="Resource matches the shell pattern as a whole.")


class Clause(Options):
    """``[[access.RULE]]``: the value for whoever belongs to the class."""

    acl: AclName = option(help='Class; "all" is everyone, "none" nobody, an undefined one nobody.')
    value: int | str = option(
        help='"allow" or "deny", a number, a shaper\'s name, "default" or "infinity", by the use of the rule.'
    )


ALLOW_ALL = Clause(acl="all", value="allow")
