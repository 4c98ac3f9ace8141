from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from artstyle_tf.images.index.image_index import index_images
from artstyle_tf.images.index.near_duplicates import find_near_duplicates
from artstyle_tf.inspection import survey
from artstyle_tf.inspection.image_sets import find_copies, largest_shares, measure_groups
from artstyle_tf.inspection.pixel_measures import measure_pixels
from artstyle_tf.inspection.property_probe import (
    PROPERTIES,
    most_different_property,
    property_features,
)
from artstyle_tf.system.content_cache import content_cache


@pytest.fixture(scope="module")
def index(tmp_path_factory, write_images):
    folder = write_images(tmp_path_factory.mktemp("survey"), {"bold": 5, "fine": 4})
    (folder / "fine" / "broken.png").write_bytes(b"nothing")
    (folder / "bold" / "copy.png").write_bytes(
        (folder / "bold" / "bob-0-0_image-00.png").read_bytes()
    )
    turned = Image.fromarray(np.zeros((30, 50, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(folder / "fine" / "turned.jpg", exif=exif)
    return index_images(folder)


@pytest.fixture(scope="module")
def surveyed(index):
    return survey.survey_images(index.images, root=index.root, num_workers=1)


def test_every_image_has_a_row_and_unreadable_ones_a_reason(index, surveyed):
    images = surveyed.images.set_index("path")
    assert list(images.index) == list(index.images["path"])
    assert images.index[~images["is_readable"]].tolist() == ["fine/broken.png"]
    assert "not an image" in images.loc["fine/broken.png", "reason"]
    assert images.loc["fine/turned.jpg", ["width_px", "height_px"]].tolist() == [30, 50]
    assert images.loc["fine/turned.jpg", "stored_width_px"] == 50
    size = (index.root / "bold/copy.png").stat().st_size
    assert images.loc["bold/copy.png", "bytes_per_pixel"] == pytest.approx(size / 48**2)


def test_known_content_is_not_read_again(index, surveyed, tmp_path, monkeypatch):
    read = []
    read_one = survey._read_one
    monkeypatch.setattr(survey, "_read_one", lambda file: read.append(file[0]) or read_one(file))
    for _ in range(2):
        with content_cache(tmp_path / "content_cache.sqlite"):
            again = survey.survey_images(index.images, root=index.root, num_workers=1)
        pd.testing.assert_frame_equal(again.images, surveyed.images)
        for style, histogram in surveyed.histograms.items():
            np.testing.assert_array_equal(again.histograms[style], histogram)
    # Each once, but what cannot be read today may be readable with another library.
    names = [file.name for file in read[len(index.images) :]]
    assert names == ["broken.png"]


def test_content_that_has_changed_since_the_index_is_not_remembered(index, tmp_path):
    images = index.images.assign(digest="0" * 64)
    with content_cache(tmp_path / "content_cache.sqlite"):
        survey.survey_images(images, root=index.root, num_workers=1)
    assert not (tmp_path / "content_cache.sqlite").exists()


def test_densities_are_means_over_the_readable_images_of_a_style(index, surveyed):
    wanted = [
        measure_pixels(np.asarray(Image.open(index.root / path)))[1]
        for path in index.images.query("label == 'bold'")["path"]
    ]
    np.testing.assert_allclose(surveyed.histograms["bold"], np.mean(wanted, axis=0), atol=1e-6)
    np.testing.assert_allclose(surveyed.histograms["fine"].sum(axis=1), 1, atol=1e-5)


def test_similarity_is_that_of_the_splits(index, surveyed):
    alone = find_near_duplicates(index.root, list(index.images["path"]))
    assert surveyed.images["looks_like"].tolist() == alone.tolist()


def test_rows_are_the_same_whether_they_come_in_blocks_or_not(index, surveyed, monkeypatch):
    monkeypatch.setattr(survey, "_ROWS_AT_ONCE", 3)
    in_blocks = survey.survey_images(index.images, root=index.root, num_workers=1)
    pd.testing.assert_frame_equal(in_blocks.images, surveyed.images)


def test_copies_are_listed_once():
    rows = [
        ("A/1.jpg", "A", "d1", 0),
        ("A/2.jpg", "A", "d1", 0),  # the same file
        ("A/3.jpg", "A", "d3", 1),
        ("A/4.jpg", "A", "d4", 1),  # looks the same
        ("A/5.jpg", "A", "d5", 2),
        ("B/5.jpg", "B", "d5", 2),  # the same file elsewhere
        ("B/6.jpg", "B", "d6", 0),  # looks like the first two, elsewhere
        ("B/7.jpg", "B", "d7", 3),
    ]
    images = pd.DataFrame(rows, columns=["path", "label", "digest", "looks_like"])
    copies = find_copies(images.assign(split="train"))
    sets = copies.groupby(["code", "set"])["path"].agg(list).reset_index()
    assert {(row.code, *row.path) for row in sets.itertuples()} == {
        ("exact_duplicates", "A/1.jpg", "A/2.jpg"),
        ("exact_duplicates_across_styles", "A/5.jpg", "B/5.jpg"),
        ("near_duplicates", "A/3.jpg", "A/4.jpg"),
        ("near_duplicates_across_styles", "A/1.jpg", "B/6.jpg"),
    }
    assert find_copies(images.iloc[[0, 7]].assign(split="")).empty


def test_groups_of_a_style():
    images = pd.DataFrame(
        {"label": ["A"] * 4 + ["B"] * 2, "group": ["zoe", "zoe", "ann", "bob", "bob", "ann"]}
    )
    groups = measure_groups(images).set_index("label")
    assert groups.loc["A"].to_dict() == {
        "num_images": 4,
        "num_groups": 3,
        "effective_groups": pytest.approx(1 / (0.25 + 0.0625 + 0.0625)),
        "largest_group": "zoe",
        "largest_count": 2,
        "largest_share": 0.5,
    }
    assert groups.loc["B", "largest_group"] == "ann"  # of two that are as large
    shares = largest_shares(images, num_largest=2)
    assert shares.loc["A"].tolist() == [0.5, 0.25]
    assert shares.loc["B"].tolist() == [0.5, 0.5]
    assert largest_shares(images, num_largest=4).loc["B"].tolist() == [0.5, 0.5, 0, 0]


def test_properties_become_numbers(surveyed):
    readable = surveyed.images[surveyed.images["is_readable"]]
    features, names = property_features(readable)
    assert features.shape == (len(readable), len(names))
    assert set(names) == set(PROPERTIES)
    is_jpeg = features[:, [n for n, name in enumerate(names) if name == "jpeg_quality"]][:, 0]
    assert np.isfinite(is_jpeg).tolist() == (readable["file_format"] == "JPEG").tolist()
    formats = features[:, [name == "file_format" for name in names]]
    assert formats.sum(axis=1).tolist() == [1.0] * len(readable)


def test_the_most_distinctive_property_of_a_style(surveyed):
    readable = surveyed.images[surveyed.images["is_readable"]].reset_index(drop=True)
    is_bold = readable["label"] == "bold"
    changed = readable.assign(
        jpeg_quality=np.where(is_bold, 95.0, 75.0), size_bytes=1000.0, bytes_per_pixel=1.0
    )
    assert most_different_property(changed, "bold") == ("jpeg_quality", 95.0, 75.0)
    assert most_different_property(changed, "fine") == ("jpeg_quality", 75.0, 95.0)
    for name in PROPERTIES[:10]:
        changed[name] = 1.0
    assert most_different_property(changed, "bold") is None
