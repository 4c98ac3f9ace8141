from __future__ import annotations

import json
import shutil
from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from documented_names import undocumented_names
from planted_faults import STYLES, encoded, plant, scenery

from artstyle_tf.cli.main import main
from artstyle_tf.inspection import inspect_data
from artstyle_tf.inspection.findings import SEVERITY_OF
from artstyle_tf.inspection.settings import InspectExperiment
from artstyle_tf.system.dry_run import summarize_plan
from artstyle_tf.system.invocation import Invocation

FIGURES = {
    *("class_distribution", "samples", "sizes", "formats", "modes", "channel_densities"),
    *("measures", "style_differences", "groups", "file_properties", "problems"),
    *("augmentation", "augmentation_counts", "augmentation_cost"),
}


def experiment(images, outputs, **changes):
    data = {"images": str(images), "preparation_workers": 1, **changes.pop("data", {})}
    content = {"data": data, "outputs": str(outputs), "run_name": "look", **changes}
    return InspectExperiment.model_validate_json(json.dumps(content))


@pytest.fixture(autouse=True, scope="module")
def _blank_figures():
    """Draw figures completely here, because a test checks their pixels."""


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planted")
    expected = plant(folder / "images")
    config = experiment(
        folder / "images",
        folder / "outputs",
        data={"group_pattern": "^([^_]+)_"},
        limits={"huge_above_megapixels": 1.0},
        image_size_px=64,
        samples_per_style=3,
    )
    result = inspect_data.run(config, Invocation())
    return expected, result, folder / "outputs"


@pytest.fixture
def without_figures(monkeypatch):
    monkeypatch.setattr(inspect_data, "draw_figures", lambda *arguments: None)


def look(images, tmp_path, **changes):
    return inspect_data.run(experiment(images, tmp_path / "outputs", **changes), Invocation())


def codes(result):
    return {finding["code"]: finding for finding in result["findings"]}


def write(folder, *paths, seed=0):
    for number, path in enumerate(paths):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(encoded(scenery(1000 * seed + number)))
    return folder


def found_paths(result, run):
    """Code -> images that it was said of, from the tables; other findings by their examples."""
    tables = [pd.read_csv(run / f"{name}.csv") for name in ("problems", "copies")]
    listed = pd.concat(tables).groupby("code")["path"].agg(set).to_dict()
    for code, finding in codes(result).items():
        names = {example.split(" (")[0] for example in finding["examples"]}
        listed.setdefault(code, names)
    return listed


def test_every_planted_fault_is_found_and_nothing_else_is(planted):
    expected, result, outputs = planted
    found = found_paths(result, outputs / "inspections" / "look")
    for good_to_know in ("groups", "styles_differ"):
        found.pop(good_to_know)
    pairs = {(code, path) for code, paths in expected.items() for path in paths}
    listed = {(code, path) for code, paths in found.items() for path in paths}
    precision, recall = len(listed & pairs) / len(listed), len(listed & pairs) / len(pairs)
    assert (precision, recall) == (1.0, 1.0), (listed - pairs, pairs - listed)
    assert set(SEVERITY_OF) - set(found) == {
        # What this folder is free of.
        *("cannot_be_split", "duplicates_across_splits", "group_across_splits", "one_style"),
        "near_equal_styles",
        *("groups_in_names", "file_shortcut", "groups", "styles_differ"),
        *("cannot_be_trained", "styles_named_like_splits", "split_by_folders"),
        "mirrored_across_splits",
    }


def test_the_summary_counts_what_is_there(planted):
    _, result, outputs = planted
    assert result["num_images"] == sum(STYLES.values()) + 21
    assert result["num_styles"] == 3
    counts = {row["style"]: row["train"] + row["val"] + row["test"] for row in result["styles"]}
    assert result["imbalance"] == counts["naive"] / counts["rare"] == max(counts.values()) / 7
    readable = {row["style"]: row["readable"] for row in result["styles"]}
    assert readable["rare"] == 7
    assert result["problems"]["truncated"] == 4
    assert result["problems"]["exact_duplicates"] == 1
    run = outputs / "inspections" / "look"
    assert json.loads((run / "summary.json").read_text()) == json.loads(json.dumps(result))
    assert json.loads((run / "run.json").read_text())["state"] == "finished"


def test_all_names_are_documented(planted):
    _, result, _ = planted
    assert undocumented_names(result) == set()
    page = (Path(__file__).parents[2] / "docs" / "reference" / "metrics.md").read_text()
    assert [code for code in SEVERITY_OF if f"`{code}`" not in page] == []


def test_all_figures_are_there_and_none_is_empty(planted):
    _, _, outputs = planted
    files = {file.stem: file for file in (outputs / "figs" / "inspections" / "look").glob("*.png")}
    assert set(files) == FIGURES
    for file in files.values():
        pixels = matplotlib.image.imread(file)
        assert pixels.shape[0] > 200, file
        assert (pixels[..., :3].min(axis=2) < 0.5).mean() > 0.002, file


def test_tables_contain_the_tests_and_file_properties(planted):
    _, _, outputs = planted
    run = outputs / "inspections" / "look"
    pairs = pd.read_csv(run / "style_pairs.csv")
    assert set(pairs["unit"]) == {"image", "group"}
    assert (pairs["p_holm"] >= pairs["p"]).all()
    of_images = pd.read_csv(run / "style_tests.csv").query("unit == 'image'")
    assert len(of_images) == 7
    images = pd.read_csv(run / "images.csv").set_index("path")
    assert images.loc["naive/film.gif", "num_frames"] == 3
    assert images.loc["baroque/baroque-5_work-5.jpg", "jpeg_quality"] == 85
    assert images.loc["naive/wall.jpg", ["width_px", "height_px"]].tolist() == [1300, 1000]
    densities = pd.read_csv(run / "channel_densities.csv")
    sums = densities.groupby("label")[["red", "green", "blue"]].sum()
    assert np.allclose(sums, 1, atol=1e-5)
    counts = pd.read_csv(run / "augmentation_counts.csv").set_index("label")
    assert counts["after"].min() > 0.95 * counts["before"].max()
    cost = pd.read_csv(run / "augmentation_cost.csv")
    assert list(cost["transform"])[-1] == "whole policy"
    assert (cost["milliseconds"] > 0).all()


def test_the_summary_starts_with_errors_and_names_the_output_files(planted):
    _, result, _ = planted
    text = inspect_data.summarize(result)
    assert text.index("\nErrors\n") < text.index("\nWarnings\n") < text.index("\nNotes\n")
    assert "of naive is by one group, zoe (12 of " in text
    assert "4 images are cut off (3 of 4 will be left out)" in text
    assert result["figures"] in text


def test_fail_on_decides_the_exit_code_after_all_is_written(
    tmp_path, monkeypatch, capsys, without_figures
):
    monkeypatch.chdir(tmp_path)
    write(Path("images"), *(f"{style}/{n}.jpg" for style in "ab" for n in range(4)))
    shutil.copy("images/a/0.jpg", "images/b/copy.jpg")
    common = ["--images", "images", "data.preparation_workers=1", "--quiet"]

    def run(name, *fail_on):
        return main([*common, "--run-name", name, *fail_on], verb="inspect-data")

    assert run("a") == 0
    assert run("b", "--fail-on", "animated, unreadable") == 0
    assert run("c", "--fail-on", "animated,exact_duplicates_across_styles") == 1
    assert "exact_duplicates_across_styles" in capsys.readouterr().out.splitlines()[-1]
    assert Path("outputs/inspections/c/summary.json").is_file()
    assert run("d", "--fail-on", "error") == 1
    assert run("e", "--fail-on", "eror") == 2
    assert "fail_on" in capsys.readouterr().err
    assert not Path("outputs/inspections/e").exists()
    assert run("a") == 2
    assert run("a", "--overwrite") == 0


def test_a_severity_includes_the_higher_ones():
    from artstyle_tf.inspection.findings import Finding, those_to_fail_on

    findings = [Finding("unreadable", 1, ""), Finding("tiny", 1, ""), Finding("frame", 1, "")]
    assert those_to_fail_on(findings, []) == []
    assert those_to_fail_on(findings, ["error"]) == ["unreadable"]
    assert those_to_fail_on(findings, ["warning"]) == ["unreadable", "tiny"]
    assert those_to_fail_on(findings, ["note"]) == ["unreadable", "tiny", "frame"]
    assert those_to_fail_on(findings, ["frame", "huge"]) == ["frame"]


@pytest.mark.parametrize("count", [1, 6])
def test_one_style_can_be_looked_at(tmp_path, count, without_figures):
    write(tmp_path / "images", *(f"alone/{n}.jpg" for n in range(count)))
    result = look(tmp_path / "images", tmp_path)
    assert "one_style" in codes(result)
    assert "cannot_be_split" not in codes(result)
    assert result["file_shortcut"] is None
    assert "alone" in inspect_data.summarize(result)


def test_a_style_with_one_image_cannot_be_split_and_that_is_a_finding(tmp_path, without_figures):
    write(tmp_path / "images", "few/0.jpg", *(f"many/{n}.jpg" for n in range(8)))
    result = look(tmp_path / "images", tmp_path)
    finding = codes(result)["cannot_be_split"]
    assert "few" in finding["text"]
    assert {row["style"]: row["not split"] for row in result["styles"]} == {"few": 1, "many": 8}


def test_a_folder_in_which_nothing_can_be_read(tmp_path, without_figures):
    for path in ("a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.png"):
        (tmp_path / "images" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "images" / path).write_bytes(path.encode())
    result = look(tmp_path / "images", tmp_path)
    assert codes(result)["unreadable"]["count"] == 4
    assert result["augmentation"] is None


def test_odd_names_stay_on_their_line(tmp_path, without_figures):
    names = ('it\'s "quoted"', "<script>alert(1)", "$x_1^2$")
    paths = [f"{style}/a\nb\x1b[31m{n}.jpg" for style in names for n in range(4)]
    write(tmp_path / "images", *paths)
    result = look(tmp_path / "images", tmp_path, limits={"tiny_below_px": 400})
    assert codes(result)["tiny"]["count"] == 12
    lines = inspect_data.summarize(result).splitlines()
    assert "\x1b" not in "".join(lines)
    assert sum("[tiny]" in line and line.startswith("- 12 images") for line in lines) == 1
    table = pd.read_csv(tmp_path / "outputs" / "inspections" / "look" / "images.csv")
    assert set(table["path"]) == set(paths)


def test_groups_are_guessed_from_names_for_inspection_only(tmp_path, without_figures):
    artists = [f"{style}-{n // 2}" for style in "ab" for n in range(8)]
    paths = [f"{artist[0]}/{artist}_{n}.jpg" for n, artist in enumerate(artists)]
    write(tmp_path / "images", *paths)
    result = look(tmp_path / "images", tmp_path)
    assert (result["guessed_group_pattern"], result["num_groups"]) == ("^([^_]+)_", 8)
    assert "data.group_pattern='^([^_]+)_'" in codes(result)["groups_in_names"]["text"]
    assert "group_across_splits" not in codes(result)  # the split has not been listed


def test_a_split_file_gives_the_training_counts_and_what_leaks(tmp_path, without_figures):
    images = tmp_path / "images"
    write(images, *(f"{style}/ann_{n}.jpg" for style in "ab" for n in range(6)))
    shutil.copy(images / "a/ann_0.jpg", images / "a/ann_5.jpg")
    rows = [
        f"{style}/ann_{n}.jpg,{style},{'train' if n < 4 else 'val'}"
        for style in "ab"
        for n in range(6)
    ]
    split = tmp_path / "split.csv"
    split.write_text("path,label,split\n" + "\n".join(rows))
    data = {"split_file": str(split), "group_pattern": "^([^_]+)_"}
    result = look(images, tmp_path, data=data)
    assert [row["train"] for row in result["styles"]] == [4, 4]
    assert codes(result)["duplicates_across_splits"]["count"] == 1
    assert codes(result)["group_across_splits"]["count"] == 1
    assert "4 training images and 2 validation images" in codes(result)["small_style"]["text"]


def test_a_dry_run_prints_the_inputs_and_writes_nothing(tmp_path):
    write(tmp_path / "images", "a/0.jpg", "b/0.jpg")
    config = experiment(tmp_path / "images", tmp_path / "outputs")
    plan = inspect_data.plan(config, Invocation())
    assert (plan["num_images"], plan["num_styles"]) == (2, 2)
    assert not (tmp_path / "outputs").exists()
    assert summarize_plan(plan).startswith("Dry run: nothing was written.\nrun: ")


def test_styles_that_may_be_one_and_images_that_are_not_read(tmp_path, without_figures):
    names = ["Cubism", "cubism ", "Fauvism"]
    images = write(tmp_path / "images", *(f"{style}/{n}.jpg" for style in names for n in "123"))
    (images / "Fauvism/scan.jp2").write_bytes(encoded(scenery(1), "JPEG2000"))
    (images / "Fauvism/notes.txt").touch()
    found = codes(look(images, tmp_path))
    assert found["near_equal_styles"]["severity"] == "warning"
    assert "'Cubism' (3 images), 'cubism ' (3 images)" in found["near_equal_styles"]["text"]
    assert found["images_not_read"]["severity"] == "warning"
    (example,) = found["images_not_read"]["examples"]
    assert example.startswith("Fauvism/scan.jp2 (JPEG 2000")
    assert found["ignored_files"]["count"] == 1
