from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image
from sklearn.model_selection import cross_val_score

from artstyle_tf.heads.estimators import RidgeHead
from artstyle_tf.images.batches.image_store import ImageStore
from artstyle_tf.models.backbone import build_backbone
from artstyle_tf.models.features import build_style_features
from artstyle_tf.models.style_head import principal_projection
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.progress import SILENT
from artstyle_tf.trunk_cache.activation_cache import ActivationCache
from artstyle_tf.trunk_cache.cache_folder import remove_table, stored_tables
from artstyle_tf.trunk_cache.features import TrunkCache

SIZE_PX = 32


@pytest.fixture
def weights(tiny_network_by_name, tmp_path):
    keras.utils.set_random_seed(3)
    backbone = build_backbone("tiny", image_size_px=SIZE_PX, weights=None)
    file = tmp_path / "tiny.weights.h5"
    backbone.model.save_weights(file)
    return file


@pytest.fixture
def files(write_images, tmp_path):
    write_images(tmp_path / "images", {"Cubism": 6, "Rococo": 6})
    return sorted((tmp_path / "images").rglob("*.png"))


@pytest.fixture
def features(weights, tmp_path):
    """Function (files, layers, ...) -> features, by a new cache on the same folder each time."""

    def compute(files, layers="pooled", folder="cache", **options):
        cache = TrunkCache(tmp_path / folder, runtime="keras", reporter=SILENT)
        options = {"backbone": "tiny", "weights": weights, "image_size_px": SIZE_PX, **options}
        return cache.features(files, layers=layers, **options)

    return compute


@pytest.fixture
def passes(monkeypatch):
    """Record the number of images of each pass through the network."""
    seen = []
    outputs = ActivationCache._outputs

    def count(self, boundaries, batches, total, description):
        seen.append(total)
        return outputs(self, boundaries, batches, total, description)

    monkeypatch.setattr(ActivationCache, "_outputs", count)
    return seen


def pixels_of(files):
    store = ImageStore(files, image_size_px=SIZE_PX)
    return np.stack([np.asarray(store.load(n), np.float32) for n in range(len(files))])


def own_network(weights, tensor_of):
    backbone = build_backbone("tiny", image_size_px=SIZE_PX, weights=str(weights))
    return backbone, keras.Model(backbone.model.input, tensor_of(backbone))


def test_pooled_features_are_the_means_of_the_top(features, files, weights):
    found = features(files)
    backbone, _ = own_network(weights, lambda backbone: backbone.model.output)
    expected = backbone.model.predict(pixels_of(files), verbose=0).mean(axis=(1, 2))
    assert isinstance(found, np.memmap)
    assert found.dtype == np.float32
    assert not found.flags.writeable
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_features_of_blocks_are_joined_in_the_order_of_the_list(features, files, weights):
    found = features(files, ["block2b", "block1a"])
    _, network = own_network(
        weights,
        lambda backbone: [
            backbone.model.get_layer(f"{n}_add").output for n in ("block2b", "block1a")
        ],
    )
    maps = network.predict(pixels_of(files), verbose=0)
    expected = np.concatenate([each.mean(axis=(1, 2)) for each in maps], axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert found.shape == (12, 16)


def style_of(files, reference, weights):
    """Compute the input of a style head with principal projections without any cache."""
    backbone = build_backbone("tiny", image_size_px=SIZE_PX, weights=str(weights))
    built = build_style_features(backbone, blocks=None, width=48)
    for branch in built.branches:
        moments = keras.Model(backbone.model.input, branch.statistics)
        mean = moments.predict(pixels_of(reference), verbose=0).mean(axis=0)
        branch.pooling.projection.assign(principal_projection(mean, width=48))
    return keras.Model(backbone.model.input, built.tensor).predict(pixels_of(files), verbose=0)


def test_style_features_have_the_principal_projections_of_the_images(features, files, weights):
    found = features(files, "style")
    np.testing.assert_allclose(found, style_of(files, files, weights), rtol=1e-3, atol=1e-4)


def test_style_features_of_others_can_have_the_projections_of_the_training_images(
    features, files, weights
):
    train, test = files[:8], files[8:]
    found = features(test, "style", projections_from=train)
    np.testing.assert_allclose(found, style_of(test, train, weights), rtol=1e-3, atol=1e-4)
    assert np.abs(found - features(test, "style")).max() > 1e-3  # the question is a real one


def test_a_second_call_computes_nothing_and_a_longer_one_only_what_is_new(features, files, passes):
    first = np.array(features(files[:8], "style"))
    again = features(files[:8], "style")
    assert passes == [8]
    np.testing.assert_array_equal(again, first)
    longer = features(files, "pooled")
    assert passes == [8, 12]
    part = features(files[::-1][:5], "pooled")  # other images, another order: only read
    assert passes == [8, 12]
    np.testing.assert_array_equal(part, longer[::-1][:5])
    features(files, "style", projections_from=files[:8])
    assert passes == [8, 12, 4]


def test_images_are_known_by_content(features, files, passes, tmp_path):
    first = np.array(features(files))
    moved = [file.rename(tmp_path / f"moved-{number}.png") for number, file in enumerate(files)]
    np.testing.assert_array_equal(features(moved), first)
    assert passes == [12]
    Image.new("RGB", (48, 48), (200, 10, 10)).save(moved[3])
    changed = features(moved)
    assert passes == [12, 1]
    assert not np.allclose(changed[3], first[3])
    np.testing.assert_array_equal(np.delete(changed, 3, axis=0), np.delete(first, 3, axis=0))


def test_an_image_may_be_there_twice(features, files, passes):
    found = features([files[0], files[1], files[0]], "style")
    assert passes == [2]
    np.testing.assert_array_equal(found[0], found[2])


def test_any_image_file_is_read_as_preparation_would(features, files, tmp_path):
    upright = Image.open(files[0]).convert("RGB")
    turned = tmp_path / "turned.tif"
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its side
    upright.transpose(Image.Transpose.ROTATE_90).save(turned, exif=exif)
    found = features([files[0], turned])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("change", ["weights", "size", "aspect"])
def test_everything_that_features_depend_on_is_in_their_key(
    features, files, passes, weights, change, tmp_path
):
    features(files)
    if change == "weights":
        backbone = build_backbone("tiny", image_size_px=SIZE_PX, weights=None)
        backbone.model.save_weights(weights)
        features(files)
    elif change == "size":
        features(files, image_size_px=48)
    else:
        features(files, aspect="crop")
    assert passes == [12, 12]


def test_a_damaged_matrix_is_recomputed_from_its_rows(features, files, passes, tmp_path, capsys):
    expected = np.array(features(files, "style"))
    largest = max(
        (tmp_path / "cache").rglob("*.npy"),
        key=lambda file: "features" in (file.parent / "table.json").read_text(),
    )
    content = bytearray(largest.read_bytes())
    content[-3] ^= 0xFF
    largest.write_bytes(content)
    np.testing.assert_array_equal(features(files, "style"), expected)
    assert passes == [12]
    assert "damaged" in capsys.readouterr().err


def test_the_list_of_the_cache_shows_it_and_can_remove_it(features, files, tmp_path):
    features(files)
    tables = stored_tables(tmp_path / "cache")
    assert sorted(table.description["boundary"] for table in tables) == ["features", "pooled"]
    assert all(remove_table(table) for table in tables)
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.reliability  # test_activation_cache.py has two threads of one process
def test_several_processes_compute_each_image_once(files, weights, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent(f"""
        import sys
        from pathlib import Path
        sys.path[:0] = {[str(Path(__file__).parents[1]), *sys.path]!r}
        from conftest import TINY_FAMILY
        from artstyle_tf.models.backbone_registry import FAMILIES
        from artstyle_tf.system.progress import SILENT
        from artstyle_tf.trunk_cache.features import TrunkCache
        FAMILIES["tiny"] = TINY_FAMILY
        files = sorted(Path({str(tmp_path / "images")!r}).rglob("*.png"))
        cache = TrunkCache({str(tmp_path / "cache")!r}, runtime="keras", reporter=SILENT)
        features = cache.features(
            files, backbone="tiny", weights={str(weights)!r}, layers="style",
            image_size_px={SIZE_PX})
        print(features.shape, float(features.sum()))
        """)
    )
    command = [sys.executable, program]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = {process.communicate()[0] for process in started}
    assert [process.returncode for process in started] == [0, 0]
    assert len(outputs) == 1
    rows = [
        np.load(file).shape[0]
        for file in (tmp_path / "cache").rglob("*.npy")
        if '"features"' not in (file.parent / "table.json").read_text()
    ]
    assert sum(rows) == 12


def test_they_work_with_a_head(weights, files, tmp_path):
    cache = TrunkCache(tmp_path / "cache", runtime="keras", reporter=SILENT)
    options = {"backbone": "tiny", "layers": "style", "image_size_px": SIZE_PX}
    found = cache.features(files, weights=weights, **options)
    groups = cache.feature_groups(**options)
    assert sum(group.size for group in groups) == found.shape[1]
    styles = [file.parent.name for file in files]
    assert cross_val_score(RidgeHead(feature_groups=groups), found, styles, cv=3).shape == (3,)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": "stile"}, r"layers='stile'.*\"style\", \"pooled\", or a list"),
        ({"layers": []}, r"layers=\[\].*a list of names of blocks"),
        ({"layers": ["block9z"]}, "layers: block9z.*block1a, block2a, block2b"),
        ({"weights": None}, "random weights.*weights=None"),
        ({"weights": "no.h5"}, "weights file does not exist.*no.h5"),
        ({"backbone": "tinny"}, "backbone is not known.*tinny"),
        ({"layers": "pooled", "projections_from": ["a.png"]}, "Only style features"),
    ],
)
def test_bad_arguments_are_named(features, files, options, message):
    with pytest.raises(ArtstyleError, match=f"(?s){message}"):
        features(files, **options)


def test_bad_images_are_named(features, files, tmp_path):
    with pytest.raises(ArtstyleError, match=r"cannot be opened.*gone\.png"):
        features([*files, tmp_path / "gone.png"])
    with pytest.raises(ArtstyleError, match=r"a list of image files.*an empty list"):
        features([])
    with pytest.raises(ArtstyleError, match=r"a list of image files.*one\.png"):
        features("one.png")
    with pytest.raises(ArtstyleError, match=r"cannot be opened.*images"):
        features([tmp_path / "images"])
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no image")
    with pytest.raises(ArtstyleError, match=r"cannot be read.*broken\.jpg"):
        features([*files, broken])


def test_an_image_that_changes_meanwhile_is_refused(features, files, monkeypatch):
    from artstyle_tf.images.preparation.image_loading import ImageLoader

    load = ImageLoader.load

    def load_and_change(self, paths):
        loaded = load(self, paths)
        Image.new("RGB", (48, 48)).save(files[0])
        return loaded

    monkeypatch.setattr(ImageLoader, "load", load_and_change)
    with pytest.raises(ArtstyleError, match="changed while it was read"):
        features(files)
