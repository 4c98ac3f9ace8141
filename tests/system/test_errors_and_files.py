from __future__ import annotations

import json
import os

import pytest

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import replaced_atomically, write_json, write_text


def test_the_message_says_what_happened_what_was_received_and_expected_and_how_to_fix_it():
    error = ArtstyleError("It broke", received=3, expected="4", fix="add one")
    assert str(error) == "It broke. Received: 3. Expected: 4. Fix: add one."


def test_a_received_zero_is_shown():
    assert "Received: 0." in str(ArtstyleError("No images", received=0))


def test_an_interrupted_write_leaves_the_old_file_and_no_other(tmp_path):
    file = tmp_path / "table.csv"
    write_text(file, "old")

    def write_half():
        with replaced_atomically(file) as temporary:
            temporary.write_text("half of the n")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert file.read_text() == "old"
    assert os.listdir(tmp_path) == ["table.csv"]  # noqa: PTH208


def test_the_temporary_name_keeps_the_suffix_by_which_savers_choose_a_format(tmp_path):
    with replaced_atomically(tmp_path / "model.keras") as temporary:
        assert temporary.suffix == ".keras"
        assert temporary.parent == tmp_path
        temporary.touch()


def test_an_unwritable_folder_is_a_user_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ArtstyleError, match="Cannot write"):
        write_text(tmp_path / "file" / "below.txt", "x")


def test_json_that_other_programs_cannot_read_is_refused(tmp_path):
    content = {"validation": {"scores": [0.5, float("nan")]}}
    with pytest.raises(ArtstyleError, match=r"validation\.scores\[1\] = nan"):
        write_json(tmp_path / "metrics.json", content)
    assert list(tmp_path.iterdir()) == []
    write_json(tmp_path / "metrics.json", {"name": "Ölbild"})
    assert json.loads((tmp_path / "metrics.json").read_text("utf-8")) == {"name": "Ölbild"}
