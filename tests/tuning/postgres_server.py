"""A PostgreSQL of the tests' own: in a temporary folder, on loopback, gone afterwards."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

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


@contextlib.contextmanager
def running_postgres(folder: Path) -> Iterator[str]:
    """Starts a server and gives the URL of an empty database; skips where there is none."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    pytest.importorskip("psycopg", reason="pip install 'artstyle-tf[postgresql]'")
    user = _ordinary_user()
    if os.geteuid() == 0 and user is None:
        pytest.skip("PostgreSQL does not run as root, and there is no other user")
    data = folder / "data"
    data.mkdir()
    if user is not None:
        shutil.chown(data, user)
        for parent in (folder, *folder.parents[:3]):
            with contextlib.suppress(OSError):
                parent.chmod(parent.stat().st_mode | 0o011)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {"cwd": "/", "user": user, "capture_output": True, "text": True}
    make = [binaries / "initdb", "-D", data, "-U", "tester", "-A", "trust", "--no-sync"]
    made = subprocess.run(make, **options)
    assert made.returncode == 0, made.stderr
    serve = [binaries / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-F"]
    serve += ["-c", "unix_socket_directories="]
    server = subprocess.Popen(
        serve, cwd="/", user=user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        url = f"postgresql://tester@127.0.0.1:{port}/postgres"
        _wait_for(url)
        yield url
    finally:
        server.terminate()
        server.wait(20)


def _wait_for(url: str) -> None:
    import psycopg

    for _ in range(100):
        try:
            psycopg.connect(url, connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            time.sleep(0.1)
    raise AssertionError("PostgreSQL did not start")
