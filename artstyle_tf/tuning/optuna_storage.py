"""Where an Optuna study is kept: a SQLite file, or a database that machines share."""

from __future__ import annotations

import contextlib
import importlib.util
import sqlite3
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import cannot_write
from artstyle_tf.system.locks import held
from artstyle_tf.system.progress import SILENT, Reporter
from artstyle_tf.tuning.storage_faults import check_address, said_by_database

if TYPE_CHECKING:  # Optuna is imported late
    from optuna.storages import RDBStorage

_SECONDS_TO_WAIT_FOR_A_LOCK = 60.0
_MISSED_BEATS = 4
"""After so many intervals without a sign of life a trial counts as dead."""


def open_storage(
    url: str | None,
    file: Path,
    *,
    heartbeat_seconds: int,
    retries: int,
    reporter: Reporter = SILENT,
) -> RDBStorage:
    """Opens the database and creates its tables if need be.

    Args:
        url: of a database; None for the SQLite file.
        file: of SQLite.
        heartbeat_seconds: how often a worker says that its trials are alive.
        retries: how often a trial is made again whose worker has died.
        reporter: told whom one waits for.

    Raises:
        ArtstyleError: if the database cannot be reached, or its driver is missing.
    """
    from optuna.exceptions import StorageInternalError
    from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
    from sqlalchemy.exc import SQLAlchemyError

    arguments = {}
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
    try:
        with _one_at_a_time(file, reporter), without_warnings():
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
            received=said_by_database(error, url),
            expected="postgresql://user@host:5432/database, a database that exists; the password "
            "in PGPASSWORD or ~/.pgpass",
            fix="check that the server answers and tuning.storage is right; null is a SQLite file",
        ) from error


def close_storage(storage: RDBStorage) -> None:
    """Gives the connections back, as far as the database is still there."""
    from sqlalchemy.exc import SQLAlchemyError

    with contextlib.suppress(SQLAlchemyError):
        storage.remove_session()
    storage.engine.dispose()


def with_driver(url: str) -> str:
    """A PostgreSQL URL with the driver that is installed, unless it names one.

    Raises:
        ArtstyleError: if there is none.
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
    """Heartbeats outside of `optimize`, and what Optuna has called experimental since 2.8."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _create_sqlite(file: Path) -> None:
    """With a write-ahead log those who read do not stop those who write."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(sqlite3.connect(file, timeout=_SECONDS_TO_WAIT_FOR_A_LOCK)) as base:
            base.execute("PRAGMA journal_mode=WAL")
    except (OSError, sqlite3.Error) as error:
        raise ArtstyleError(
            f"The study {file} cannot be opened",
            received=str(error),
            expected="a file that an earlier study has made, or room for a new one",
            fix="move it away, or choose another --run-name",
        ) from error


@contextlib.contextmanager
def _one_at_a_time(file: Path, reporter: Reporter) -> Iterator[None]:
    """Two workers that create the same tables at the same time would trip over each other."""

    def tell(holder: str) -> None:
        reporter.info(f"Waiting for another command that opens the study ({holder}).")

    lock = file.with_suffix(".lock")
    with contextlib.ExitStack() as stack:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(held(lock, busy=tell))
        except OSError as error:
            raise cannot_write(lock, error) from error
        yield
