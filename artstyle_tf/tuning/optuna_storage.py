"""The storage of an Optuna study, a SQLite file or a database that machines share, and its errors.

Errors of a database become messages that name the cause and the remedy.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import re
import sqlite3
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import unquote, urlsplit

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import room_in_words
from artstyle_tf.system.progress import SILENT, Reporter
from artstyle_tf.system.redaction import redacted
from artstyle_tf.tuning.study_folder import one_command_at_a_time

if TYPE_CHECKING:  # Optuna is imported late
    from optuna.storages import RDBStorage

_SECONDS_TO_WAIT_FOR_A_LOCK = 60.0
_MISSED_BEATS = 4
"""Number of intervals without a heartbeat after which a trial counts as dead."""
_EXPECTED = "postgresql://user@host:5432/database, the password in PGPASSWORD or ~/.pgpass"
_ADDRESS = re.compile(r"[a-zA-Z][\w+]*://.*", re.DOTALL)
_LONGEST_DETAIL = 300

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def open_storage(
    url: str | None,
    file: Path,
    *,
    heartbeat_seconds: int,
    retries: int,
    reporter: Reporter = SILENT,
) -> RDBStorage:
    """Open the database and create its tables if needed.

    Args:
        url: of a database; None for the SQLite file.
        file: of SQLite.
        heartbeat_seconds: interval of a worker's heartbeats.
        retries: how often a trial whose worker has died is run again.
        reporter: reports which command is waited for.

    Raises:
        ArtstyleError: if the database cannot be reached, or its driver is missing.
    """
    from optuna.exceptions import StorageInternalError
    from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
    from sqlalchemy.exc import SQLAlchemyError

    if url is not None:
        check_address(url)
    else:
        _create_sqlite(file)
        url = f"sqlite:///{file}"
    if url.startswith("sqlite"):
        arguments = {"connect_args": {"timeout": _SECONDS_TO_WAIT_FOR_A_LOCK}}
    else:
        # A server may have closed a connection that was idle during a trial.
        arguments = {"pool_pre_ping": True}
    # Two workers that create the same tables at the same time would fail.
    lock = file.with_suffix(".lock")
    try:
        with one_command_at_a_time(lock, reporter, "opens the study"), without_warnings():
            return RDBStorage(
                with_driver(url),
                engine_kwargs=arguments,
                heartbeat_interval=heartbeat_seconds,
                grace_period=_MISSED_BEATS * heartbeat_seconds,
                heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(max_retry=retries),
            )
    except (SQLAlchemyError, StorageInternalError, ImportError, RuntimeError) as error:
        raise ArtstyleError(
            "The database of the study cannot be opened",
            received=database_message(error, url),
            expected="postgresql://user@host:5432/database, a database that exists; the password "
            "in PGPASSWORD or ~/.pgpass",
            fix="check that the server runs and tuning.storage is right; null is a SQLite file",
        ) from error


def close_storage(storage: RDBStorage) -> None:
    """Close all connections, as far as the database is still available."""
    from sqlalchemy.exc import SQLAlchemyError

    with contextlib.suppress(SQLAlchemyError):
        storage.remove_session()
    storage.engine.dispose()


def with_driver(url: str) -> str:
    """Return a PostgreSQL URL with the installed driver, unless it names one.

    Raises:
        ArtstyleError: if none is installed.
    """
    scheme, separator, rest = url.partition("://")
    if scheme not in ("postgresql", "postgres"):
        return url
    if importlib.util.find_spec("psycopg") is not None:
        return f"postgresql+psycopg{separator}{rest}"
    if importlib.util.find_spec("psycopg2") is not None:
        return f"postgresql{separator}{rest}"
    raise ArtstyleError(
        "PostgreSQL needs a driver",
        received=f"tuning.storage={scheme}://..., and neither psycopg nor psycopg2 is installed",
        fix="pip install 'artstyle-tf[postgresql]', or leave tuning.storage out",
    )


@contextlib.contextmanager
def without_warnings() -> Iterator[None]:
    """Silence warnings about heartbeats outside `optimize` and about experimental features."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _create_sqlite(file: Path) -> None:
    """Create the file with a write-ahead log, so that readers do not block writers."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(sqlite3.connect(file, timeout=_SECONDS_TO_WAIT_FOR_A_LOCK)) as base:
            base.execute("PRAGMA journal_mode=WAL")
    except (OSError, sqlite3.Error) as error:
        raise ArtstyleError(
            f"The study {file} cannot be opened",
            received=str(error),
            expected="a file that an earlier study has written, or room for a new one",
            fix="move it away, or choose another --run-name",
        ) from error


def check_address(url: str) -> None:
    """Refuse an invalid database URL, without repeating its password.

    Raises:
        ArtstyleError: naming the part that is wrong.
    """
    problem = _problem_of(url)
    if problem is not None:
        raise ArtstyleError(
            "tuning.storage is not the address of a database",
            received=problem,
            expected=_EXPECTED,
            fix="correct it, or set it to null for a SQLite file",
        )


def _problem_of(url: str) -> str | None:
    if _ADDRESS.fullmatch(url) is None:
        return "no scheme such as postgresql://"
    if url.startswith("sqlite"):
        return None
    authority = url.partition("://")[2].partition("?")[0]
    user_part, at, rest = authority.rpartition("@")
    if "@" in user_part or (at and "/" in user_part):
        return "an @ or / in the user or the password, which has to be written as %40 or %2F"
    after_host = rest.partition("/")[0].rpartition("]")[2]  # after an IPv6 address
    port = after_host.partition(":")[2]
    if ":" in after_host and not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        return f"the port {port!r}" if at or "@" not in url else "a port that is not a number"
    try:
        urlsplit(url)
    except ValueError as error:
        return str(error)
    return None


def database_message(error: Exception, url: str) -> str:
    """Return the start of a driver's error message, without the password of the URL."""
    message = " ".join(str(getattr(error, "orig", None) or error).split())
    written = url.partition("://")[2].rpartition("@")[0].partition(":")[2]
    # The password as it is written and decoded, the longer one first.
    for secret in sorted({written, unquote(written)} - {""}, key=len, reverse=True):
        message = message.replace(secret, "***")
    return redacted(message)[:_LONGEST_DETAIL]


@contextlib.contextmanager
def storage_faults_explained(storage: RDBStorage) -> Iterator[None]:
    """Turn database errors inside the context into one message; finished trials stay stored.

    Raises:
        ArtstyleError: instead of the exceptions of SQLAlchemy and Optuna.
    """
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, StorageInternalError, sqlite3.Error) as error:
        raise _explained(error, storage) from error


def explains_storage_faults(
    method: Callable[Concatenate[Any, Parameters], Result],
) -> Callable[Concatenate[Any, Parameters], Result]:
    """Decorate a method of a study so that a database error becomes an ArtstyleError."""

    @functools.wraps(method)
    def explained(self: Any, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        with storage_faults_explained(self._storage):
            return method(self, *args, **kwargs)

    return explained


def _explained(error: Exception, storage: RDBStorage) -> ArtstyleError:
    from sqlalchemy.exc import SQLAlchemyError

    address = storage.engine.url
    # Optuna wraps the exceptions of SQLAlchemy.
    cause = error.__cause__ if isinstance(error.__cause__, SQLAlchemyError) else error
    received = database_message(cause, address.render_as_string(hide_password=False))
    if address.get_backend_name() != "sqlite":
        return ArtstyleError(
            "The database of the study does not answer any more",
            received=received,
            fix="check that its server runs and repeat the command, which continues; finished "
            "trials are stored",
        )
    return ArtstyleError(
        f"The study {address.database} cannot be saved",
        received=f"{received}; {room_in_words(address.database or '.')}",
        fix="free some space or make it writable, and repeat the command, which continues; "
        "finished trials are stored",
    )
