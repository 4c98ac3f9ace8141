"""Programs without this package load an export and compute the same outputs."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from patience import HUNG_SECONDS

from artstyle_tf.export.saved_model import WARM_UP_FILE


@pytest.fixture(scope="module")
def image_files(tmp_path_factory, images) -> list[Path]:
    folder = tmp_path_factory.mktemp("images")
    files = [folder / f"{number}.image" for number in range(len(images))]
    for file, content in zip(files, images, strict=True):
        file.write_bytes(content)
    return files


def run_alone(*arguments: object, cwd: Path) -> str:
    """Run Python without this checkout on its path; return its output."""
    environment = {"PATH": os.environ["PATH"], "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-I", *map(str, arguments)],
        cwd=cwd,
        env=environment | {"CUDA_VISIBLE_DEVICES": "-1"},
        capture_output=True,
        text=True,
        timeout=HUNG_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


LOAD_ALONE = """
import json, sys
for name in ("artstyle_tf", "keras"):
    sys.modules[name] = None  # both are installed; None makes importing them fail
    try:
        __import__(name)
    except ImportError:
        continue
    sys.exit(f"{name} could be imported")
import tensorflow as tf
files = [open(path, "rb").read() for path in json.loads(sys.argv[1])]
for saved_model in sys.argv[2:]:
    model = tf.saved_model.load(saved_model)
    outputs = model.signatures["serving_default"](image_bytes=tf.constant(files))
    print(json.dumps({
        "label": [label.decode() for label in outputs["label"].numpy()],
        "embedding": outputs["embedding"].numpy().tolist(),
    }))
"""


def test_a_fresh_process_needs_neither_this_program_nor_keras(exports, image_files, tmp_path):
    folders = [export.saved_model for export in exports.values()]
    files = json.dumps([str(file) for file in image_files])
    lines = run_alone("-c", LOAD_ALONE, files, *folders, cwd=tmp_path).splitlines()
    for line, export in zip(lines, exports.values(), strict=True):
        found = json.loads(line)
        assert found["label"] == export.expected["label"].tolist()
        np.testing.assert_allclose(found["embedding"], export.expected["embedding"], atol=1e-5)


@pytest.mark.parametrize(
    "export", ["direct", pytest.param("triplet", marks=pytest.mark.reliability)], indirect=True
)
def test_the_c_library_gives_the_same_labels(export, image_files, tmp_path):
    """The loader that TensorFlow Serving is built on, without Python's part of TensorFlow."""
    library = Path(importlib.util.find_spec("tensorflow").origin).with_name("libtensorflow_cc.so.2")
    if not library.is_file():
        pytest.skip("this TensorFlow has its library under another name")
    definition = _definition(export)
    printed = run_alone(
        Path(__file__).with_name("c_api_client.py"),
        library,
        export.saved_model,
        definition.inputs["image_bytes"].name,
        definition.outputs["label"].name,
        *image_files,
        cwd=tmp_path,
    )
    assert json.loads(printed) == export.expected["label"].tolist()


def _definition(export):
    from tensorflow.core.protobuf import saved_model_pb2

    content = (export.saved_model / "saved_model.pb").read_bytes()
    (graph,) = saved_model_pb2.SavedModel.FromString(content).meta_graphs
    return graph.signature_def["serving_default"]


def saved_model_cli(command: str, *arguments: object) -> None:
    """Call the tool of that name in this process, which saves the seconds of its start."""
    from absl import flags
    from absl.testing import flagsaver
    from tensorflow.python.tools import saved_model_cli as tool

    with flagsaver.flagsaver():
        flags.FLAGS(["saved_model_cli", *map(str, arguments)])
        {"show": tool.show, "run": tool.run}[command]()


def test_saved_model_cli_shows_the_signatures(export, capsys):
    saved_model_cli("show", "--all", "--dir", export.saved_model)
    shown = capsys.readouterr().out
    assert "tag-set: 'serve'" in shown
    for text in ("signature_def['serving_default']", "inputs['image_bytes']", "DT_STRING"):
        assert text in shown
    size = export.size_px
    assert f"shape: (-1, {size}, {size}, 3)" in shown
    for output in export.expected:
        assert f"outputs['{output}']" in shown


def test_saved_model_cli_runs_it(export, images, tmp_path, capsys):
    # NumPy takes zeros at the end of a string for padding.
    rows = [row for row, content in enumerate(images) if not content.endswith(b"\0")]
    assert len(rows) >= 3
    np.save(tmp_path / "images.npy", np.array(images)[rows])
    saved_model_cli(
        *("run", "--dir", export.saved_model, "--tag_set", "serve"),
        *("--signature_def", "serving_default", "--outdir", tmp_path),
        *("--inputs", f"image_bytes={tmp_path / 'images.npy'}"),
    )
    for output, of_all in export.expected.items():
        expected = of_all[rows]
        found = np.load(tmp_path / f"{output}.npy", allow_pickle=True)
        if expected.dtype.kind == "f":
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
        elif expected.dtype.kind == "U":
            assert np.char.decode(found.astype(bytes), "utf-8").tolist() == expected.tolist()
        else:
            assert found.tolist() == expected.tolist()


def test_each_warm_up_request_gets_a_response(export):
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_log_pb2

    sizes = []
    for record in tf.data.TFRecordDataset(str(export.saved_model / WARM_UP_FILE)):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        request = log.predict_log.request
        signature = export.loaded.signatures[request.model_spec.signature_name]
        inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
        outputs = signature(**{name: tf.constant(value) for name, value in inputs.items()})
        sizes.append(len(inputs["image_bytes"]))
        assert outputs["label"].shape == (sizes[-1],)
        assert set(outputs) == set(export.expected)
    assert len(sizes) >= 2
    assert min(sizes) == 1  # a single image and a batch are two different graphs when optimized
