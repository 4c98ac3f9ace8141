from __future__ import annotations

import ast
import itertools
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from patience import HUNG_SECONDS

from artstyle_tf.export.served_signature import KNOWN_OUTPUTS
from artstyle_tf.export.serving_kit import (
    SERVING_IMAGE,
    SERVING_MEMORY,
    SERVING_USER,
    write_serving_instructions,
)
from artstyle_tf.system.errors import ArtstyleError


@pytest.fixture(scope="module")
def folders(exports) -> dict[str, Path]:
    return {
        name: write_serving_instructions(export.folder, export.saved_model, model_name=name)
        for name, export in exports.items()
    }


@pytest.fixture(scope="module")
def image_files(tmp_path_factory, images) -> list[Path]:
    folder = tmp_path_factory.mktemp("to send")  # a space, which shells like to split at
    files = [folder / f"{number}.png" for number in range(2)]
    for file, content in zip(files, images, strict=False):
        file.write_bytes(content)
    return files


def run(*command: object, server: str, is_right: bool = True) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "SERVER": server,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
        "PYTHONUTF8": "1",
    }
    done = subprocess.run(
        [str(part) for part in command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=HUNG_SECONDS,
        check=False,
        cwd="/",
    )
    assert (done.returncode == 0) == is_right, done.stderr
    return done


def check_shown(printed: str, files: list[Path], expected_outputs: dict[str, np.ndarray]) -> None:
    """Check that an example prints all outputs of each image but the embedding."""
    blocks = re.split(r"^(?=/)", printed, flags=re.MULTILINE)[1:]
    assert len(blocks) == len(files)
    for number, (block, file) in enumerate(zip(blocks, files, strict=True)):
        first, *lines = block.splitlines()
        assert first == str(file)
        shown = dict(line.strip().split(": ", 1) for line in lines)
        assert set(shown) == set(expected_outputs) - {"embedding"}
        assert shown["label"] == expected_outputs["label"][number]
        for name, text in shown.items():
            expected = expected_outputs[name][number].tolist()
            if isinstance(expected, str):
                assert text == expected
            elif name in ("neighbor_ids", "classes"):
                assert ast.literal_eval(text) == expected
            else:  # a batch of two, not of all
                np.testing.assert_allclose(ast.literal_eval(text), expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", ["direct", "triplet"])
def test_the_rest_example_runs_as_it_is(name, folders, server_of, image_files):
    server = server_of("rest", name)
    # Isolated and without installed packages: it needs nothing but Python.
    script = (sys.executable, "-I", "-S", folders[name] / "rest_client.py")
    done = run(*script, *image_files, server=server.url)
    check_shown(done.stdout, image_files, server.export.expected)
    failed = run(*script, script[-1], image_files[0], server=server.url, is_right=False)
    assert failed.stdout.startswith(f"{script[-1]}\n  status: no image that is read here")
    check_shown(
        failed.stdout[failed.stdout.index(f"{image_files[0]}") :],
        image_files[:1],
        server.export.expected,
    )
    assert not failed.stderr


def test_the_grpc_example_runs_as_it_is(folders, server_of, image_files, monkeypatch, capsys):
    """Runs in this process, because importing TensorFlow takes seconds."""
    server = server_of("grpc", "triplet")
    script = folders["triplet"] / "grpc_client.py"
    monkeypatch.setenv("SERVER", server.url.removeprefix("grpc://"))
    monkeypatch.setattr("sys.argv", [str(script), *map(str, image_files)])
    with pytest.raises(SystemExit, match="0"):
        runpy.run_path(str(script), run_name="__main__")
    check_shown(capsys.readouterr().out, image_files, server.export.expected)
    monkeypatch.setattr("sys.argv", [str(script), str(script)])
    with pytest.raises(SystemExit, match="1"):
        runpy.run_path(str(script), run_name="__main__")
    assert "status: no image that is read here" in capsys.readouterr().out


def test_the_examples_import_nothing_of_this_program(folders):
    for folder in folders.values():
        for name, others in (
            ("rest", set()),
            ("grpc", {"grpc", "tensorflow_serving", "tensorflow"}),
        ):
            tree = ast.parse((folder / f"{name}_client.py").read_text(encoding="utf-8"))
            modules = {
                module.split(".")[0]
                for node in ast.walk(tree)
                if isinstance(node, ast.Import | ast.ImportFrom)
                for module in [getattr(node, "module", None) or node.names[0].name]
            }
            assert modules - set(sys.stdlib_module_names) == others


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_the_curl_example_runs_as_it_is(folders, server_of, image_files):
    server = server_of("rest", "triplet")
    script = folders["triplet"] / "curl.sh"
    assert os.access(script, os.X_OK)
    metadata, outputs = _json_documents(run(script, image_files[0], server=server.url).stdout)
    assert "serving_default" in json.dumps(metadata)
    assert outputs["outputs"]["label"] == server.export.expected["label"][:1].tolist()
    missing = run(script, server=server.url, is_right=False)
    assert "./curl.sh IMAGE" in missing.stderr


def _json_documents(text: str) -> list:
    documents, position = [], 0
    while position < len(text.rstrip()):
        document, position = json.JSONDecoder().raw_decode(text, position)
        documents.append(document)
        position += len(text[position:]) - len(text[position:].lstrip())
    return documents


@pytest.mark.parametrize("name", ["direct", "triplet"])
def test_everything_is_written_for_this_export(name, folders, exports):
    folder = folders[name]
    assert {file.name for file in folder.iterdir()} == {
        "README.md",
        "docker-run.sh",
        "compose.yaml",
        "batching_parameters.txt",
        "curl.sh",
        "rest_client.py",
        "grpc_client.py",
    }
    for file in folder.iterdir():
        text = file.read_text(encoding="utf-8")
        assert "@@" not in text
        for folder_of_this_machine in (
            str(exports[name].folder),
            str(Path.home()),
            str(Path.cwd()),
        ):
            assert folder_of_this_machine not in text
    readme = (folder / "README.md").read_text(encoding="utf-8")
    default, pixels = readme.split("Signature `")[1:]
    for table in (default, pixels):
        names = set(re.findall(r"\| output \| `(\w+)` \|", table))
        assert names == set(exports[name].expected) - ({"status"} if table is pixels else set())
    assert "| `image_bytes` | string [B] |" in default
    size = exports[name].size_px
    assert f"| `pixels` | float32 [B, {size}, {size}, 3] |" in pixels
    width = exports[name].expected["embedding"].shape[1]
    assert f"| `embedding` | float32 [B, {width}] |" in default


def test_every_output_is_explained(folders):
    for folder in folders.values():
        readme = (folder / "README.md").read_text(encoding="utf-8")
        rows = re.findall(r"\| (?:in|out)put \| `(\w+)` \| [^|]+ \| ([^|]*) \|", readme)
        assert {name for name, meaning in rows if meaning.strip()} == {name for name, _ in rows}
    assert set(KNOWN_OUTPUTS) >= {name for name, _ in rows} - {"image_bytes", "pixels"}


def test_the_batching_parameters_are_a_message_that_the_server_reads(folders):
    """The message as in tensorflow_serving/servables/tensorflow/session_bundle_config.proto."""
    from google.protobuf import (
        descriptor_pb2,
        descriptor_pool,
        message_factory,
        text_format,
        wrappers_pb2,
    )

    file = descriptor_pb2.FileDescriptorProto(
        name="batching.proto", package="twin", syntax="proto3", dependency=["wrappers.proto"]
    )
    message = file.message_type.add(name="BatchingParameters")
    names = ("max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads")
    for number, name in enumerate(names, start=1):
        message.field.add(
            name=name, number=number, label=1, type=11, type_name=".google.protobuf.Int64Value"
        )
    message.field.add(name="allowed_batch_sizes", number=6, label=3, type=3)
    wrappers = descriptor_pb2.FileDescriptorProto()
    wrappers_pb2.DESCRIPTOR.CopyToProto(wrappers)
    wrappers.name = "wrappers.proto"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(wrappers)
    pool.Add(file)
    kind = message_factory.GetMessageClass(pool.FindMessageTypeByName("twin.BatchingParameters"))
    text = (folders["direct"] / "batching_parameters.txt").read_text()
    parameters = text_format.Parse(text, kind())
    assert all(getattr(parameters, name).value > 0 for name in names)
    sizes = list(parameters.allowed_batch_sizes)
    assert sizes == sorted(sizes)
    assert not sizes or sizes[-1] == parameters.max_batch_size.value


DOCKER = """#!/usr/bin/env bash
printf '%s\\n' "$@"
"""


def test_docker_run_passes_what_the_image_expects(folders, tmp_path, monkeypatch):
    """With a docker that prints its arguments: the real one needs a network."""
    (tmp_path / "docker").write_text(DOCKER)
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    folder = folders["direct"]
    arguments = run(folder / "docker-run.sh", "--more", server="").stdout.splitlines()
    image = arguments.index(SERVING_IMAGE)
    options, flags = arguments[:image], arguments[image + 1 :]
    assert flags == [
        "--rest_api_port=8501",
        "--port=8500",
        "--model_name=direct",
        "--model_base_path=/models/direct",
        "--enable_batching=true",
        "--batching_parameters_file=/etc/batching_parameters.txt",
        "--more",
    ]
    assert {"127.0.0.1:8501:8501", "127.0.0.1:8500:8500", "--init"} <= set(options)
    mounts = [
        dict(part.split("=") for part in x.split(",") if "=" in part)
        for x in options
        if x.startswith("type=bind") and x.endswith(",readonly")
    ]
    assert {mount["target"]: Path(mount["source"]).resolve() for mount in mounts} == {
        "/models/direct": (folder / ".." / "saved_model").resolve(),
        "/etc/batching_parameters.txt": (folder / "batching_parameters.txt").resolve(),
    }


def test_the_server_gets_what_it_needs_and_no_more(folders, tmp_path, monkeypatch):
    (tmp_path / "docker").write_text(DOCKER)
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    arguments = run(folders["direct"] / "docker-run.sh", server="").stdout.splitlines()
    options = arguments[: arguments.index(SERVING_IMAGE)]
    named = dict(itertools.pairwise(options))
    service = yaml.safe_load((folders["direct"] / "compose.yaml").read_text())["services"][
        "serving"
    ]
    assert "--read-only" in options
    assert service["read_only"] is True
    assert named["--cap-drop"] == "ALL" == service["cap_drop"][0]
    assert named["--security-opt"] == "no-new-privileges:true" == service["security_opt"][0]
    assert named["--user"] == SERVING_USER
    assert int(SERVING_USER.split(":")[0]) > 0
    assert service["user"] == f"${{SERVING_USER:-{SERVING_USER}}}"
    assert named["--memory"] == named["--memory-swap"] == SERVING_MEMORY
    assert service["mem_limit"] == service["memswap_limit"] == f"${{MEMORY:-{SERVING_MEMORY}}}"
    assert named["--pids-limit"] == str(service["pids_limit"])
    assert named["--tmpfs"] == service["tmpfs"][0]
    assert "noexec" in named["--tmpfs"]
    assert not {"--privileged", "--network", "--cap-add"} & set(options)


def test_all_users_can_read_what_the_server_reads(folders, exports):
    for name, folder in folders.items():
        for file in (folder / "batching_parameters.txt", *exports[name].saved_model.rglob("*")):
            assert file.stat().st_mode & 0o004, file


def test_the_readme_explains_pinning_and_refusals(folders):
    readme = (folders["direct"] / "README.md").read_text()
    assert f"docker image inspect --format '{{{{index .RepoDigests 0}}}}' {SERVING_IMAGE}" in readme
    assert "more than 25000000 pixels" in readme
    for kind in ("TIFF", "animated WebP", "GIF whose first frame", "BMP with a palette"):
        assert kind in readme


def test_compose_has_the_same_settings(folders):
    folder = folders["direct"]
    service = yaml.safe_load((folder / "compose.yaml").read_text())["services"]["serving"]
    assert service["image"] == f"${{IMAGE:-{SERVING_IMAGE}}}"
    assert {"--model_name=direct", "--model_base_path=/models/direct"} <= set(service["command"])
    assert set(service["ports"]) == {"127.0.0.1:8501:8501", "127.0.0.1:8500:8500"}
    for volume in service["volumes"]:
        source, target, mode = volume.split(":")
        assert (folder / source).exists()
        assert mode == "ro"
        assert target.startswith(("/models/direct", "/etc/"))
    assert f"--batching_parameters_file={target}" in service["command"]


def test_the_health_check_knows_a_server_that_is_ready(folders, server_of):
    compose = yaml.safe_load((folders["direct"] / "compose.yaml").read_text())
    kind, *command = compose["services"]["serving"]["healthcheck"]["test"]
    assert kind == "CMD"
    server = server_of("rest", "direct")
    port = server.url.rsplit(":", 1)[1]
    here = [part.replace("/8501", f"/{port}") for part in command]
    run(*here, server="")
    server.behavior.failures = 1
    run(*here, server="", is_right=False)
    run(
        *(part.replace("/models/direct", "/models/other") for part in here),
        server="",
        is_right=False,
    )


def test_the_image_has_the_minor_version_of_tensorflow():
    import tensorflow as tf

    assert SERVING_IMAGE.split(":")[1].split(".")[:2] == tf.__version__.split(".")[:2]


@pytest.mark.parametrize("name", ["two words", "../up", "", "a/b", "$(id)", "é"])
def test_a_name_that_a_url_or_a_shell_would_read_otherwise_is_refused(name, export, tmp_path):
    with pytest.raises(ArtstyleError, match="cannot be served under this name"):
        write_serving_instructions(tmp_path, export.saved_model, model_name=name)
    assert not list(tmp_path.iterdir())


def test_another_saved_model_gets_no_instructions(tmp_path):
    with pytest.raises(ArtstyleError, match="cannot be read"):
        write_serving_instructions(tmp_path, tmp_path / "1", model_name="m")
    assert not list(tmp_path.iterdir())
