from __future__ import annotations

import mmap
import sys

import pytest

from artstyle_tf.system import memory
from artstyle_tf.system.memory import resident_bytes, usable_bytes

SIZE = 200 * 2**20


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only the peak is known")
def test_own_memory_counts_and_mapped_files_do_not(tmp_path):
    before = resident_bytes()
    own = b"x" * SIZE
    assert resident_bytes() - before > 0.9 * SIZE
    del own
    file = tmp_path / "large"
    file.write_bytes(b"x" * SIZE)
    before = resident_bytes()
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as rows:
        assert sum(rows[::4096]) > 0
        assert resident_bytes() - before < 0.5 * SIZE


def test_the_memory_of_a_container_is_its_limit(tmp_path, monkeypatch):
    unlimited, limited = tmp_path / "unlimited", tmp_path / "limited"
    unlimited.write_text("max\n")
    limited.write_text("123456789\n")
    monkeypatch.setattr(memory, "_LIMIT_FILES", (str(unlimited), str(tmp_path / "missing")))
    machine = usable_bytes()
    assert machine is None or machine > 2**28
    monkeypatch.setattr(memory, "_LIMIT_FILES", (str(unlimited), str(limited)))
    assert usable_bytes() == 123456789
