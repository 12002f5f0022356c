"""What this version cannot do yet: a file that asks for it is refused, not half obeyed.

A part that is built takes its line out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from mim.config.errors import Problem, shown
from mim.config.modules import Modules, info_of
from mim.config.walk import Written

NOT_YET = "is not available in this version"

_PATHS = [
    (r"listen\.http\[\d+\]\.handlers\.(mongoose_client_api|mongoose_domain_handler|mongoose_api)", NOT_YET),
    (r"services\.(service_admin_extra|service_domain_db)", NOT_YET),
    (r"outgoing_pools\.(rdbms|redis|rabbit)", NOT_YET),
    (r"(.*\.)?auth\.rdbms", NOT_YET),
    (r"outgoing_pools\.http\..*\.tls\.verify_mode", "selfsigned_peer is not available in this version"),
]
_PATTERNS = [(re.compile(pattern), text) for pattern, text in _PATHS]
_VALUES = {"general.sm_backend": "redis"}


def unavailable(written: Iterable[Written], modules: Modules) -> Iterator[Problem]:
    """Yield what a good file asks for and this version does not have."""
    for item in written:
        for pattern, text in _PATTERNS:
            if pattern.fullmatch(item.path) and item.value not in ([], {}, "peer", "none"):
                yield Problem(item.path, shown(item.raw, secret=item.declared.secret), text)
        if _VALUES.get(item.path) == item.value and item.path in _VALUES:
            yield Problem(item.path, shown(item.raw), NOT_YET)
        found = re.fullmatch(r"(host_config\[\d+\]\.)?modules\.(mod_\w+)", item.path)
        if found is not None and item.tier == "A":
            info = info_of(modules, found[2])
            if info is not None and not info.is_available:
                yield Problem(item.path, shown(item.raw), NOT_YET)
