"""``[auth]``: who may log in, and how he proves it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from mim.config.options import LdapFilter, NonEmpty, PoolTag
from mim.config.sections.listen import OTHER_TIERS_OF_METHODS, AuthMethodName
from mim.config.tables import Options, Refusal, option

SaslMechanism = Literal[
    "scram_sha512_plus",
    "scram_sha512",
    "scram_sha384_plus",
    "scram_sha384",
    "scram_sha256_plus",
    "scram_sha256",
    "scram_sha224_plus",
    "scram_sha224",
    "scram_sha1_plus",
    "scram_sha1",
    "plain",
    "anonymous",
    "oauth",
    "external",
    "digest",
]
DEFAULT_MECHANISMS = [
    "scram_sha512_plus",
    "scram_sha512",
    "scram_sha384_plus",
    "scram_sha384",
    "scram_sha256_plus",
    "scram_sha256",
    "scram_sha224_plus",
    "scram_sha224",
    "scram_sha1_plus",
    "scram_sha1",
    "plain",
    "anonymous",
    "oauth",
]
HashName = Literal["sha", "sha224", "sha256", "sha384", "sha512"]
METHODS = ("anonymous", "dummy", "external", "http", "internal", "jwt", "ldap", "pki", "rdbms", "riak")
NOT_WORKING = frozenset(OTHER_TIERS_OF_METHODS)
"""Methods of tiers B and C: they authenticate nobody."""


class Password(Options):
    """``[auth.password]``."""

    format: Literal["scram", "plain"] = option("scram", help="Keep SCRAM keys or plain text.")
    hash: list[HashName] | None = option(
        None, nonempty=True, distinct=True, help="Hashes stored and SCRAM mechanisms offered; not set: all five."
    )
    scram_iterations: int = option(10000, minimum=1, help="PBKDF2 rounds for newly stored passwords.")


class Internal(Options):
    """``[auth.internal]``: accounts in the embedded store; no options."""


class Rdbms(Options):
    """``[auth.rdbms]``."""

    users_number_estimate: bool = option(False, help="Count users with the database's estimate.")


class Anonymous(Options):
    """``[auth.anonymous]``."""

    allow_multiple_connections: bool = option(False, help="Allow more than one session per anonymous user.")
    protocol: Literal["sasl_anon", "login_anon", "both"] = option(
        "sasl_anon", help="SASL ANONYMOUS only; only ordinary mechanisms with any password; both."
    )


class External(Options):
    """``[auth.external]``."""

    program: NonEmpty = option(help="Command to run.")
    instances: int = option(1, minimum=1, help="Number of program processes.")


class Http(Options):
    """``[auth.http]``."""

    basic_auth: str | None = option(None, secret=True, help='"user:password" sent as HTTP Basic to the service.')


class JwtSecret(Options):
    """``[auth.jwt.secret]``."""

    file: NonEmpty | None = option(None, help="File with the key; read at start.")
    env: NonEmpty | None = option(None, help="Environment variable with the key.")
    value: str | None = option(None, secret=True, help="The key itself.")

    def refusals(self) -> Iterator[Refusal]:
        """L9: exactly one."""
        if sum(given is not None for given in (self.file, self.env, self.value)) != 1:
            yield Refusal("", "must have exactly one of file, env, value")


JwtAlgorithm = Literal[
    "HS256", "RS256", "ES256", "HS386", "RS386", "ES386", "HS384", "RS384", "ES384", "HS512", "RS512", "ES512"
]


class Jwt(Options):
    """``[auth.jwt]``."""

    secret: JwtSecret = option(help="Exactly one of file, env, value.")
    algorithm: JwtAlgorithm = option(
        mapped={"HS386": "alias of HS384", "RS386": "alias of RS384", "ES386": "alias of ES384"},
        help="Signature algorithm; 386 is MongooseIM's spelling of 384.",
    )
    username_key: NonEmpty = option(help="Claim that must equal the user name.")


class Dummy(Options):
    """``[auth.dummy]``."""

    base_time: int = option(50, minimum=0, unit="ms", help="Always waited.")
    variance: int = option(450, minimum=1, unit="ms", help="Up to this much is added at random.")


class Pki(Options, tier="B"):
    """``[auth.pki]``: no options."""


class LdapUid(Options, tier="C"):
    """``[[auth.ldap.uids]]``."""

    attr: str = option(help="Attribute.")
    format: str | None = option(None, help="Pattern with one %u.")


class LdapDnFilter(Options, tier="C"):
    """``[auth.ldap.dn_filter]``."""

    filter: LdapFilter = option(help="Filter.")
    attributes: list[str] = option([], help="Attributes for %s.")


class LdapLocalFilter(Options, tier="C"):
    """``[auth.ldap.local_filter]``."""

    operation: Literal["equal", "notequal"] = option(help="Comparison.")
    attribute: NonEmpty = option(help="Attribute.")
    values: list[str] = option(nonempty=True, help="Values.")


class Ldap(Options, tier="C"):
    """``[auth.ldap]``: not available, nobody is authenticated by it."""

    pool_tag: PoolTag = option("default", help="LDAP pool.")
    base: str = option("", help="Search base.")
    deref: Literal["never", "always", "finding", "searching"] = option("never", help="Alias dereferencing.")
    filter: str = option("", help="Extra filter.")
    bind_pool_tag: NonEmpty = option("bind", help="LDAP pool for binds.")
    uids: list[LdapUid] = option([LdapUid(attr="uid", format="%u")], help="Attributes that hold the user name.")
    dn_filter: LdapDnFilter | None = option(None, help="Second look-up.")
    local_filter: LdapLocalFilter | None = option(None, help="Filter applied to the result.")


class Riak(Options, tier="C"):
    """``[auth.riak]``: not available, nobody is authenticated by it."""

    bucket_type: NonEmpty = option("users", help="Riak bucket type.")


class Auth(Options):
    """``[auth]``."""

    methods: list[AuthMethodName] | None = option(
        None,
        mapped=OTHER_TIERS_OF_METHODS,
        computed="the methods whose tables are present, alphabetically",
        help="Order in which methods are asked, and which are on; each needs its own table.",
    )
    sasl_mechanisms: list[SaslMechanism] = option(
        DEFAULT_MECHANISMS, help="Mechanisms offered, in this order, minus those no enabled method supports."
    )
    sasl_external: list[Literal["standard", "common_name", "auth_id", "cyrsasl_external_verification"]] = option(
        ["standard"],
        mapped={"cyrsasl_external_verification": "C -> standard"},
        help="Sources of the user name for SASL EXTERNAL, tried in order.",
    )
    password: Password = option(Password(), help="How passwords are stored (internal, rdbms, http).")
    internal: Internal | None = option(None, help="Accounts in the embedded store.")
    rdbms: Rdbms | None = option(None, help="Accounts in SQL through outgoing_pools.rdbms.default.")
    anonymous: Anonymous | None = option(None, help="Logins without an account.")
    external: External | None = option(None, help="Accounts asked from a program over stdin and stdout.")
    http: Http | None = option(None, help="Accounts asked from an HTTP service through outgoing_pools.http.auth.")
    jwt: Jwt | None = option(None, help="The password of SASL PLAIN is a JSON Web Token.")
    dummy: Dummy | None = option(None, help="Every login succeeds after a random pause; for tests.")
    pki: Pki | None = option(None, tier="B", help="Any user name that the client certificate proves.")
    ldap: Ldap | None = option(None, tier="C", help="Accounts in LDAP: not available.")
    riak: Riak | None = option(None, tier="C", help="Accounts in Riak: not available.")

    def refusals(self) -> Iterator[Refusal]:
        """L8: a method that is named has its table here."""
        for place, name in enumerate(self.methods or ()):
            if getattr(self, name) is None:
                yield Refusal(f"methods[{place}]", f"must have its table, [auth.{name}]")

    @property
    def enabled(self) -> list[str]:
        """Return the methods in the order to ask them."""
        if self.methods is not None:
            return list(self.methods)
        return [name for name in METHODS if getattr(self, name) is not None]

    @property
    def working(self) -> list[str]:
        """Return the methods that can authenticate somebody, in the order to ask them."""
        return [name for name in self.enabled if name not in NOT_WORKING]
