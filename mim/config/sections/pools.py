"""``[outgoing_pools.TYPE.TAG]``: connections to other servers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from mim.config.options import HostName, Infinity, NonEmpty, Port
from mim.config.sections.tls import PoolTls, ServerName
from mim.config.tables import Options, Refusal, option

Strategy = Literal["best_worker", "random_worker", "next_worker", "available_worker", "next_available_worker"]


class Pool(Options):
    """What every pool has."""

    scope: Literal["global", "host", "single_host"] = option(
        "global", help="One pool for all; one per host type; one for the host named in host."
    )
    host: HostName | None = option(None, help="Host or host type; with scope single_host only, and needed there.")
    workers: int = option(10, minimum=1, help="Connections in the pool.")
    strategy: Strategy = option("best_worker", tier="C", help="No effect: the first free connection serves.")
    call_timeout: int = option(5000, minimum=1, unit="ms", help="A caller waits for the pool.")

    def refusals(self) -> Iterator[Refusal]:
        """L10: a host goes with scope single_host."""
        if self.scope == "single_host" and self.host is None:
            yield Refusal("host", 'must be written with scope = "single_host"')
        if self.scope != "single_host" and self.host is not None:
            yield Refusal("host", 'only legal with scope = "single_host"')


class RdbmsTls(PoolTls):
    """``[outgoing_pools.rdbms.TAG.connection.tls]``."""

    required: bool | None = option(
        None, computed="pgsql: false; mysql: not legal", help="pgsql only: fail if the server refuses TLS."
    )


class RdbmsConnection(Options):
    """``[outgoing_pools.rdbms.TAG.connection]``."""

    driver: Literal["pgsql", "mysql", "odbc"] = option(mapped={"odbc": "B"}, help="Kind of database.")
    keepalive_interval: int | None = option(
        None, minimum=1, unit="seconds", help='Between "SELECT 1" on each connection; not set = none.'
    )
    max_start_interval: int = option(
        30, minimum=1, unit="seconds", help="Cap of the growing pause between connection attempts."
    )
    host: NonEmpty | None = option(None, help="Required for pgsql and mysql.")
    port: Port | None = option(None, computed="pgsql 5432, mysql 3306", help="Port.")
    database: NonEmpty | None = option(None, help="Required for pgsql and mysql.")
    username: NonEmpty | None = option(None, help="Required for pgsql and mysql.")
    password: NonEmpty | None = option(None, secret=True, help="Required for pgsql and mysql.")
    settings: str | None = option(None, tier="B", secret=True, help="odbc: connection string; required with odbc.")
    tls: RdbmsTls | None = option(None, help="Present, even empty: TLS.")

    def refusals(self) -> Iterator[Refusal]:
        """L11, L12: what each driver needs."""
        if self.driver == "odbc":
            if self.settings is None:
                yield Refusal("settings", 'must be written with driver = "odbc"')
            return
        for name in ("host", "database", "username", "password"):
            if getattr(self, name) is None:
                yield Refusal(name, f'must be written with driver = "{self.driver}"')
        if self.driver == "mysql" and self.tls is not None and self.tls.required is not None:
            yield Refusal("tls.required", 'only legal with driver = "pgsql"')


class RdbmsPool(Pool):
    """``[outgoing_pools.rdbms.TAG]``."""

    call_timeout: int = option(60000, minimum=1, unit="ms", help="A caller waits for the pool.")
    connection: RdbmsConnection = option(help="Where and how to connect.")


class RedisConnection(Options):
    """``[outgoing_pools.redis.TAG.connection]``."""

    host: NonEmpty = option("127.0.0.1", help="Host.")
    port: Port = option(6379, help="Port.")
    database: int = option(0, minimum=0, help="Database number.")
    password: str = option("", secret=True, help='"" = none.')


class RedisPool(Pool):
    """``[outgoing_pools.redis.TAG]``."""

    connection: RedisConnection = option(RedisConnection(), help="Where and how to connect.")


class HttpConnection(Options):
    """``[outgoing_pools.http.TAG.connection]``."""

    host: NonEmpty = option(help='"http[s]://name[:port]".')
    path_prefix: NonEmpty = option("/", help="Put before every request path.")
    request_timeout: int = option(2000, minimum=0, unit="ms", help="For one request; should be below call_timeout.")
    tls: PoolTls | None = option(None, help="Present, even empty: TLS.")


class HttpPool(Pool):
    """``[outgoing_pools.http.TAG]``."""

    connection: HttpConnection = option(help="Where and how to connect.")


class RabbitConnection(Options):
    """``[outgoing_pools.rabbit.TAG.connection]``."""

    host: NonEmpty = option("localhost", help="Host.")
    port: Port = option(5672, help="Port.")
    username: NonEmpty = option("guest", help="User.")
    password: NonEmpty = option("guest", secret=True, help="Password.")
    confirms_enabled: bool = option(False, help="Wait for publisher confirms.")
    max_worker_queue_len: int | Infinity = option(
        1000, minimum=0, help="Messages waiting per worker above which the oldest are dropped."
    )


class RabbitPool(Pool):
    """``[outgoing_pools.rabbit.TAG]``."""

    connection: RabbitConnection = option(RabbitConnection(), help="Where and how to connect.")


# --- accepted, never connected to -----------------------------------------------------------------------------


class OtherServerName(ServerName, tier="C"):
    """SNI of a pool that is never opened."""


class OtherTls(PoolTls, tier="C"):
    """TLS of a pool that is never opened."""

    server_name_indication: OtherServerName = option(OtherServerName(), help="SNI and check of the host name.")


class ElasticConnection(Options, tier="C"):
    """``[outgoing_pools.elastic.TAG.connection]``."""

    host: NonEmpty = option("localhost", help="Host.")
    port: Port = option(9200, help="Port.")


class ElasticPool(Pool, tier="C"):
    """``[outgoing_pools.elastic.TAG]``."""

    connection: ElasticConnection = option(ElasticConnection(), help="Where and how to connect.")


class CassandraServer(Options, tier="C"):
    """``[[outgoing_pools.cassandra.TAG.connection.servers]]``."""

    host: NonEmpty = option(help="Host.")
    port: Port = option(9042, help="Port.")


class CassandraPlain(Options, tier="C"):
    """``[outgoing_pools.cassandra.TAG.connection.auth.plain]``."""

    username: str = option(help="User.")
    password: str = option(secret=True, help="Password.")


class CassandraAuth(Options, tier="C"):
    """``[outgoing_pools.cassandra.TAG.connection.auth]``."""

    plain: CassandraPlain = option(help="User and password.")


class CassandraConnection(Options, tier="C"):
    """``[outgoing_pools.cassandra.TAG.connection]``."""

    servers: list[CassandraServer] = option(
        [CassandraServer(host="localhost", port=9042)], distinct=True, nonempty=True, help="Nodes."
    )
    keyspace: NonEmpty = option("mongooseim", help="Keyspace.")
    auth: CassandraAuth | None = option(None, help="Authentication.")
    tls: OtherTls | None = option(None, help="Present, even empty: TLS.")


class CassandraPool(Pool, tier="C"):
    """``[outgoing_pools.cassandra.TAG]``."""

    workers: int = option(20, minimum=1, help="Connections in the pool.")
    connection: CassandraConnection = option(CassandraConnection(), help="Where and how to connect.")


class RiakCredentials(Options, tier="C"):
    """``[outgoing_pools.riak.TAG.connection.credentials]``."""

    user: NonEmpty = option(help="User.")
    password: NonEmpty = option(secret=True, help="Password.")


class RiakConnection(Options, tier="C"):
    """``[outgoing_pools.riak.TAG.connection]``."""

    address: NonEmpty = option(help="Host.")
    port: Port = option(help="Port.")
    credentials: RiakCredentials | None = option(None, help="User and password.")
    tls: OtherTls | None = option(None, help="Present, even empty: TLS.")

    def refusals(self) -> Iterator[Refusal]:
        """L13: TLS that checks the peer."""
        if self.tls is None:
            return
        if self.tls.cacertfile is None:
            yield Refusal("tls.cacertfile", "must be written with tls")
        if self.tls.verify_mode == "none":
            yield Refusal("tls.verify_mode", 'must not be "none" here')


class RiakPool(Pool, tier="C"):
    """``[outgoing_pools.riak.TAG]``."""

    connection: RiakConnection = option(help="Where and how to connect.")


class LdapConnection(Options, tier="C"):
    """``[outgoing_pools.ldap.TAG.connection]``."""

    servers: list[str] = option(["localhost"], distinct=True, nonempty=True, help="Servers.")
    port: Port | None = option(None, computed="389, with tls 636", help="Port.")
    root_dn: str = option("", help="Bind DN.")
    password: str = option("", secret=True, help="Bind password.")
    connect_interval: int = option(10000, minimum=1, unit="ms", help="Between attempts.")
    tls: OtherTls | None = option(None, help="Present, even empty: TLS.")


class LdapPool(Pool, tier="C"):
    """``[outgoing_pools.ldap.TAG]``."""

    connection: LdapConnection = option(LdapConnection(), help="Where and how to connect.")


class OutgoingPools(Options):
    """``[outgoing_pools]``."""

    rdbms: dict[str, RdbmsPool] = option({}, help='SQL databases; the tag "default" is the one modules and auth use.')
    redis: dict[str, RedisPool] = option({}, help="Redis.")
    http: dict[str, HttpPool] = option({}, help="HTTP services.")
    rabbit: dict[str, RabbitPool] = option({}, help="RabbitMQ.")
    elastic: dict[str, ElasticPool] = option({}, tier="C", help="ElasticSearch: not available.")
    cassandra: dict[str, CassandraPool] = option({}, tier="C", help="Cassandra: not available.")
    riak: dict[str, RiakPool] = option({}, tier="C", help="Riak: not available.")
    ldap: dict[str, LdapPool] = option({}, tier="C", help="LDAP: not available.")
