from __future__ import annotations

import pytest
from postgres_server import running_postgres


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory):
    """URL of an empty database on a server that was started for the tests."""
    with running_postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server.url
