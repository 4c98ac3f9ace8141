from __future__ import annotations

import csv
import json

import pytest

from artstyle_tf.prediction.prediction_file import PredictionFile, write_left_out
from artstyle_tf.system.errors import ArtstyleError

MAKER = {"run": "first", "top_k": 2}


def row(path, prediction="fine"):
    return {
        "path": path,
        "prediction": prediction,
        "label": "fine",
        "confidence": 0.75,
        "accepted": True,
        "top": [("fine", 0.75), ("bold", 0.25)],
    }


def read_csv(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl"])
def test_the_file_appears_when_all_is_there(tmp_path, name):
    path = tmp_path / "deep" / name
    with PredictionFile(path, MAKER) as predictions:
        predictions.add([row('a "b"\n,c'), row("ö", "abstained")])
        predictions.add([{"path": "broken", "unreadable": "cut off"}])
        assert not path.exists()
        unreadable, counts, first = predictions.finish()
    assert unreadable == [{"path": "broken", "reason": "cut off"}]
    assert counts == {"fine": 1, "abstained": 1}
    assert [each["path"] for each in first] == ['a "b"\n,c', "ö"]
    assert [file.name for file in path.parent.iterdir()] == [name]
    if name.endswith("csv"):
        rows = read_csv(path)
        assert rows[0]["path"] == 'a "b"\n,c'
        assert (rows[1]["top_2"], rows[1]["top_2_confidence"]) == ("bold", "0.25")
    else:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        assert rows[1]["top"] == [["fine", 0.75], ["bold", 0.25]]


@pytest.mark.parametrize("torn", ["", '{"path": "b", "ans', '{"path"'])
def test_recorded_work_is_not_repeated(tmp_path, torn):
    path = tmp_path / "out.csv"
    with PredictionFile(path, MAKER) as predictions:
        predictions.add([row("a")])
    notes = next(tmp_path.iterdir())
    notes.write_text(notes.read_text(encoding="utf-8") + torn, encoding="utf-8")
    with PredictionFile(path, MAKER) as predictions:
        assert predictions.done == {"a"}
        predictions.add([row("b")])
        predictions.finish()
    assert [each["path"] for each in read_csv(path)] == ["a", "b"]


def test_a_journal_without_a_complete_line_is_restarted(tmp_path):
    path = tmp_path / "out.csv"
    with PredictionFile(path, MAKER):
        pass
    notes = next(tmp_path.iterdir())
    notes.write_text('{"run"')
    with PredictionFile(path, MAKER) as predictions:
        predictions.add([row("a")])
        predictions.finish()
    assert len(read_csv(path)) == 1


def test_another_model_does_not_continue_the_file(tmp_path):
    path = tmp_path / "out.csv"
    with PredictionFile(path, MAKER) as predictions:
        predictions.add([row("a")])
    with (
        pytest.raises(ArtstyleError, match="another model or other settings"),
        PredictionFile(path, {**MAKER, "run": "second"}),
    ):
        pass


def test_a_finished_file_is_not_overwritten(tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("mine")
    with pytest.raises(ArtstyleError, match="exists already"):
        PredictionFile(path, MAKER)
    assert path.read_text() == "mine"


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(ArtstyleError, match=r"\.csv or \.jsonl"):
        PredictionFile(tmp_path / "out.xlsx", MAKER)


def test_no_image_at_all_is_an_empty_file(tmp_path):
    with PredictionFile(tmp_path / "out.csv", MAKER) as predictions:
        predictions.add([{"path": "broken", "unreadable": "cut off"}])
        predictions.finish()
    assert (tmp_path / "out.csv").read_text() == ""


def test_files_without_a_prediction_are_listed_separately(tmp_path):
    output = tmp_path / "out.jsonl"
    unreadable = [{"path": 'a "b"\n,c', "reason": "the file is empty"}]
    ignored = [{"path": "ö.jp2", "reason": "JPEG 2000, not read here"}]
    file = write_left_out(output, unreadable, ignored)
    assert file == tmp_path / "out.left_out.csv"
    assert read_csv(file) == [
        {"path": 'a "b"\n,c', "status": "unreadable", "reason": "the file is empty"},
        {"path": "ö.jp2", "status": "ignored", "reason": "JPEG 2000, not read here"},
    ]
    assert write_left_out(output, [], []) is None
    assert list(tmp_path.iterdir()) == []  # nothing that speaks of another prediction
