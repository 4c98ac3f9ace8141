"""A PostgreSQL server for tests: in a temporary folder, on loopback, removed afterwards."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from patience import HUNG_SECONDS

_INSTALLED = "/usr/lib/postgresql"


def _binaries() -> Path | None:
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    folders = sorted(Path(_INSTALLED).glob("*/bin/initdb"))
    return folders[-1].parent if folders else None


def _ordinary_user() -> str | None:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    return None


class PostgresServer:
    """A server that can be stopped and started again."""

    def __init__(self, command: list[str], port: int, user: str | None, password: str) -> None:
        self._command = command
        self._user = user
        self.url = f"postgresql://tester@127.0.0.1:{port}/postgres"
        self.url_with_password = self.url.replace("tester@", f"tester:{quote(password, safe='')}@")

    def start(self) -> None:
        """Start the server; return when it accepts connections."""
        nowhere = subprocess.DEVNULL
        self._process = subprocess.Popen(
            self._command, cwd="/", user=self._user, stdout=nowhere, stderr=nowhere
        )
        _wait_for(self.url_with_password)

    def stop(self) -> None:
        """Stop the server, which ends all connections."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(HUNG_SECONDS)


@contextlib.contextmanager
def running_postgres(folder: Path, *, password: str | None = None) -> Iterator[PostgresServer]:
    """Start a server with an empty database; skip if PostgreSQL is not installed.

    Args:
        folder: for its files.
        password: required password; None for no authentication.
    """
    binaries = _binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    pytest.importorskip("psycopg", reason="pip install 'artstyle-tf[postgresql]'")
    user = _ordinary_user()
    if os.geteuid() == 0 and user is None:
        pytest.skip("PostgreSQL does not run as root, and there is no other user")
    data, password_file = folder / "data", folder / "password"
    data.mkdir()
    password_file.write_text(password or "none")
    if user is not None:
        shutil.chown(data, user)
        shutil.chown(password_file, user)
        for parent in (folder, *folder.parents[:3]):
            with contextlib.suppress(OSError):
                parent.chmod(parent.stat().st_mode | 0o011)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {"cwd": "/", "user": user, "capture_output": True, "text": True}
    make = [binaries / "initdb", "-D", data, "-U", "tester", "--no-sync"]
    make += ["-A", "trust" if password is None else "scram-sha-256", "--pwfile", password_file]
    made = subprocess.run(make, **options)
    assert made.returncode == 0, made.stderr
    serve = [binaries / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-F"]
    serve += ["-c", "unix_socket_directories="]
    server = PostgresServer([str(part) for part in serve], port, user, password or "none")
    try:
        server.start()
        yield server
    finally:
        server.stop()


def _wait_for(url: str) -> None:
    import psycopg

    end = time.monotonic() + HUNG_SECONDS
    while time.monotonic() < end:
        try:
            psycopg.connect(url, connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            time.sleep(0.1)
    raise AssertionError("PostgreSQL did not start")
