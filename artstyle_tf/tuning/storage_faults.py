"""What is wrong with a study's database, in words for whoever can mend it."""

from __future__ import annotations

import contextlib
import functools
import re
import sqlite3
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import unquote, urlsplit

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import room_in_words
from artstyle_tf.system.redaction import redacted

if TYPE_CHECKING:  # Optuna is imported late
    from optuna.storages import RDBStorage

_EXPECTED = "postgresql://user@host:5432/database, the password in PGPASSWORD or ~/.pgpass"
_ADDRESS = re.compile(r"[a-zA-Z][\w+]*://.*", re.DOTALL)
_LONGEST_DETAIL = 300

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def check_address(url: str) -> None:
    """Refuses what is no address of a database, without repeating its password.

    Raises:
        ArtstyleError: naming the part that is wrong.
    """
    wrong = _what_is_wrong(url)
    if wrong is not None:
        raise ArtstyleError(
            "tuning.storage is not the address of a database",
            received=wrong,
            expected=_EXPECTED,
            fix="correct it, or set it to null for a SQLite file",
        )


def _what_is_wrong(url: str) -> str | None:
    if _ADDRESS.fullmatch(url) is None:
        return "no scheme such as postgresql://"
    if url.startswith("sqlite"):
        return None
    authority = url.partition("://")[2].partition("?")[0]
    user_part, at, rest = authority.rpartition("@")
    if "@" in user_part or (at and "/" in user_part):
        return "an @ or / in the user or the password, which has to be written as %40 or %2F"
    place = rest.partition("/")[0].rpartition("]")[2]  # after an IPv6 address
    port = place.partition(":")[2]
    if ":" in place and not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        return f"the port {port!r}" if at or "@" not in url else "a port that is no number"
    try:
        urlsplit(url)
    except ValueError as error:
        return str(error)
    return None


def said_by_database(error: Exception, url: str) -> str:
    """The first words of a driver's message, without the password of the address."""
    said = " ".join(str(getattr(error, "orig", None) or error).split())
    for secret in _passwords_of(url):
        said = said.replace(secret, "***")
    return redacted(said)[:_LONGEST_DETAIL]


def _passwords_of(url: str) -> list[str]:
    """The password as it is written and as it is meant, longest first."""
    user_part = url.partition("://")[2].rpartition("@")[0]
    written = user_part.partition(":")[2]
    return sorted({text for text in (written, unquote(written)) if text}, key=len, reverse=True)


@contextlib.contextmanager
def storage_faults_explained(storage: RDBStorage) -> Iterator[None]:
    """Inside, a database that fails is one message; what is complete is in it.

    Raises:
        ArtstyleError: instead of what SQLAlchemy and Optuna raise.
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
    """Makes a method of a study whose database fails raise an ArtstyleError."""

    @functools.wraps(method)
    def explained(self: Any, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        with storage_faults_explained(self._storage):
            return method(self, *args, **kwargs)

    return explained


def _explained(error: Exception, storage: RDBStorage) -> ArtstyleError:
    from sqlalchemy.exc import SQLAlchemyError

    address = storage.engine.url
    # Optuna wraps what SQLAlchemy raises.
    cause = error.__cause__ if isinstance(error.__cause__, SQLAlchemyError) else error
    received = said_by_database(cause, address.render_as_string(hide_password=False))
    if address.get_backend_name() != "sqlite":
        return ArtstyleError(
            "The database of the study does not answer any more",
            received=received,
            fix="see that its server runs and give the same command again, which continues; what "
            "is complete is kept",
        )
    return ArtstyleError(
        f"The study {address.database} cannot be saved",
        received=f"{received}; {room_in_words(address.database or '.')}",
        fix="free some space or make it writable, and give the same command again, which "
        "continues; what is complete is kept",
    )
