"""Opens a database by its URL, and explains database errors to users."""

from __future__ import annotations

import errno
import fcntl
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from orchestrator.config.redaction import hide
from orchestrator.errors import EXIT_USAGE, OrchestratorError
from orchestrator.records import locking, user_name
from orchestrator.records.control import NO_TEXT

NO_LOCKS = (*locking.NO_LOCKS, errno.EINVAL)
"""How file systems without the locks that SQLite takes answer."""

BUSY_SECONDS = 60
"""How long a SQLite writer waits for the lock."""

CONNECT_SECONDS = 10
"""How long a database server may take to answer."""


class StoreError(OrchestratorError):
    """The store cannot be reached, read or written. The message names the store, the reason and the remedy, and holds
    no password.
    """


class NoStoreError(StoreError):
    """There is no store yet, and nobody asked to make one."""


class StoreAddressError(StoreError):
    """``store.url`` is not the address of a database that can be opened."""

    exit_code = EXIT_USAGE
    kind = "usage"


def open_engine(url: str) -> Engine:
    """Return an engine for any SQLAlchemy URL; ``postgresql://`` uses psycopg 3. Raises StoreError."""
    if NO_TEXT.search(url):
        raise StoreAddressError(
            f"store.url={hide(url)}: databases take names in UTF-8 alone; rename the folder, or choose another place "
            "by results= or store.url="
        )
    try:
        parsed = make_url(url)
        if parsed.drivername in ("postgresql", "postgres"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() == "postgresql":
            timeout = parsed.query.get("connect_timeout", CONNECT_SECONDS)
            return create_engine(parsed, pool_pre_ping=True, connect_args={"connect_timeout": int(str(timeout))})
        engine = create_engine(parsed)
    except ImportError as error:
        raise StoreAddressError(
            f"store.url={hide(url)}: its driver is missing ({error}); install it: pip install 'psycopg[binary]'"
        ) from error
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        words = hide(str(error).splitlines()[0], url)
        raise StoreAddressError(
            f"store.url={hide(url)}: not a database that can be opened ({words}); a URL looks like "
            "sqlite:////shared/store.sqlite or postgresql://user@host/database"
        ) from error
    if engine.dialect.name == "sqlite":
        refuse_without_locks(parsed)
        event.listen(engine, "connect", tune_sqlite)
        event.listen(engine, "begin", begin_sqlite)
    return engine


def file_of(engine: Engine) -> Path | None:
    """Return the file of a SQLite store; None for any other store, and for one in memory."""
    database = engine.url.database
    if engine.dialect.name != "sqlite" or not database or database == ":memory:" or database.startswith("file:"):
        return None
    return Path(database).absolute()


def prepare_file(engine: Engine, create: bool) -> None:
    """Make the file of a SQLite store, for this user alone, if it is missing and ``create``. Raises StoreError if it
    is missing otherwise, and for what is no plain file.
    """
    path = file_of(engine)
    if path is None:
        return
    name = engine.url.render_as_string()
    if path.exists() and not path.is_file():
        raise StoreError(f"the store {name} cannot be opened: {path} is not a plain file; correct store.url")
    if path.exists():
        return
    if not create:
        raise NoStoreError(f"there is no store {name}: {path} does not exist; give results=FOLDER or another store.url")
    if path.parent.is_dir():
        with suppress(OSError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))


def refuse_without_locks(url: URL) -> None:
    """Raise StoreError where SQLite's file would lie on a file system without locks: SQLite takes the refusal for
    another process's lock, waits a minute for it and blames it.

    The lock that is tried is of a file of its own: to close SQLite's would end the locks that this process holds there.
    A folder that is yet to be made is judged by the one around it.
    """
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        return
    folder = next(parent for parent in Path(url.database).absolute().parents if parent.is_dir())
    try:
        with tempfile.TemporaryFile(dir=folder, prefix=".locks-") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in NO_LOCKS:
            raise StoreError(
                f"the store {url.render_as_string()} cannot be used: the file system of {folder} has no locks "
                f"({error.strerror}), without which SQLite would lose rows; choose a folder on another one by "
                "store.url=sqlite:////FOLDER/store.sqlite, or PostgreSQL, or ask that it be mounted with locks "
                "(Lustre: -o flock; NFS: a running lockd)"
            ) from error


def refuse_read_only(engine: Engine) -> None:
    """Raise StoreError unless this user may write: known before any run is submitted, whose row it would be."""
    name = engine.url.render_as_string()
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            if connection.exec_driver_sql("SELECT has_table_privilege('run', 'INSERT')").scalar():
                return
        raise StoreError(f"the store {name} may not be written by {engine.url.username}; ask for INSERT on its tables")
    file = file_of(engine)
    for path in (file, file.parent) if file else ():
        if path.exists() and not os.access(path, os.W_OK):
            raise StoreError(
                f"the store {name} cannot be written: {path} may not be by {user_name()}; "
                "choose another store by store.url=, or ask its owner"
            )


def tune_sqlite(connection: Any, record: Any) -> None:
    """Set up a SQLite connection: writers wait for the lock, deletions cascade, and transactions are begun by us.

    The journal stays SQLite's default. The faster write-ahead log needs memory shared by all readers and writers, which
    nodes of a network file system do not have (https://sqlite.org/wal.html).
    """
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def begin_sqlite(connection: Connection) -> None:
    """Begin a transaction. A writer takes the lock at once, since two that read first and write later would wait for
    each other.
    """
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def store_error(engine: Engine, error: SQLAlchemyError, doing: str) -> StoreError:
    """Return the error for a user: the store, the attempt (``opened``, ``read``, ``written``), the reason and the
    remedy.
    """
    url = engine.url.render_as_string(hide_password=False)
    cause = getattr(error, "orig", None) or error
    words = " ".join(hide(str(cause), url).split())
    remedy = remedy_for(engine, cause, words)
    return StoreError(f"the store {hide(url)} cannot be {doing}: {words}" + (f"; {remedy}" if remedy else ""))


def remedy_for(engine: Engine, cause: object, words: str) -> str:
    """Return what the user can do, by SQLSTATE if the database gives one, otherwise by its message; "" if unknown."""
    state = str(getattr(cause, "sqlstate", None) or "")
    user, database = engine.url.username or "this user", engine.url.database
    lower = words.lower()
    # 3F000: no schema that the user may use.
    if state in ("42501", "3F000") or ("permission denied" in lower and engine.dialect.name == "postgresql"):
        return (
            "ask the database's owner for rights: GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public "
            f'TO "{user}"; GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO "{user}" (to make or migrate the tables: '
            f'GRANT CREATE ON SCHEMA public TO "{user}")'
        )
    if state.startswith("28") or "authentication failed" in lower or "no password supplied" in lower:
        return f"correct the user or the password ({user}; ~/.pgpass keeps it out of commands), or ask for a role"
    if state == "3D000" or ("does not exist" in lower and "database" in lower):
        return f"ask the server's administrator to CREATE DATABASE {database}, or correct store.url"
    if "database is locked" in lower:
        return f"another process held it for {BUSY_SECONDS} s: try again, or use PostgreSQL where many write at once"
    if "readonly database" in lower or "read-only" in lower:
        return f"make {database} and its folder writable for you, or choose another store by store.url="
    if "unable to open database file" in lower:
        return f"the folder of {database} must exist and be writable; choose another store by store.url="
    if "not a database" in lower or "malformed" in lower:
        return f"{database} is damaged or something else: move it away and `collect` the run folders again"
    if "full" in lower and engine.dialect.name == "sqlite":
        return "free some space, then `collect` again"
    if isinstance(cause, Exception) and type(cause).__name__ == "OperationalError" and not state:
        return "is the server up and reachable from here, and are host and port in store.url right?"
    return ""
