"""predict.py --url with a replica of TensorFlow Serving."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from artstyle_tf.cli.main import main


def predict(capsys, *arguments):
    capsys.readouterr()
    code = main([*map(str, arguments), "--quiet", "--json"], verb="predict")
    captured = capsys.readouterr()
    return code, json.loads(captured.out), captured.err


@pytest.fixture
def folder(tmp_path, images, monkeypatch):
    """Write the session's images, one that TensorFlow cannot read, and a file that is no image."""
    monkeypatch.chdir(tmp_path)
    for number, content in enumerate(images):
        (tmp_path / f"{number}.jpg").write_bytes(content)
    with Image.open(io.BytesIO(images[0])) as image:
        image.convert("RGB").save(tmp_path / "scan.tif")
    (tmp_path / "text.jpg").write_text("no image")
    return Path()


@pytest.mark.parametrize("name", ["direct", "triplet"])
def test_a_server_predicts_a_folder(server_of, folder, images, name, capsys):
    server = server_of("rest", name)
    options = ["--url", server.url, f"model_name={name}", "--output", "out.jsonl"]
    code, result, _ = predict(capsys, *options, folder, "batch_size=3", "--top-k", "3")
    assert code == 0
    assert [Path(row["path"]).name for row in result["unreadable"]] == ["text.jpg"]
    rows = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert [row["path"] for row in rows][-1] == "scan.tif"
    served = server.export.expected
    for position, row in enumerate(rows[: len(images)]):
        assert row["label"] == served["label"][position]
        assert row["confidence"] == pytest.approx(float(served["confidence"][position]), abs=1e-5)
        expected = sorted(served["probabilities"][position].tolist(), reverse=True)
        np.testing.assert_allclose([share for _, share in row["top"]], expected, atol=1e-5)
        assert row["top"][0][0] == row["label"]
        assert ("neighbors" in row) == (name == "triplet")


def test_a_missing_server_is_reported(folder, capsys):
    options = ["--url", "http://127.0.0.1:9", "model_name=any", "retries=0"]
    code, result, messages = predict(capsys, *options, folder)
    assert code == 2
    assert "127.0.0.1:9" in result["error"]
    assert "Traceback" not in messages
    assert not Path("outputs").exists()


def test_overlays_need_a_run(folder, capsys):
    options = ["--url", "http://127.0.0.1:9", "model_name=any", "--grad-cam", "looks"]
    code, result, _ = predict(capsys, *options, folder)
    assert code == 2
    assert "--run DIR" in result["error"]
