"""A study continues only with the config and images that it was started with."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from test_studies import COMMON, SPACE, keras_tuner_study, make, optuna_study

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.tuning.settings import TuningConfig
from artstyle_tf.tuning.study_folder import (
    StudyFolder,
    check_owner,
    claim_folder,
    folder_description,
    identity_of,
)

TABLE = pd.DataFrame(
    {
        "path": ["a/1.png", "b/2.png", "b/3.png"],
        "label": ["a", "b", "b"],
        "group": ["ann", "bob", "ann"],
        "digest": ["11", "22", "33"],
        "split": ["train", "train", "val"],
    }
)


def changed(column, value):
    table = TABLE.copy()
    table.loc[2, column] = value
    before, after = identity_of(TABLE), identity_of(table)
    return {name for name in before if before[name] != after[name]}


def test_images_are_identified_by_their_content():
    shuffled = TABLE.iloc[[2, 0, 1]].reset_index(drop=True)
    assert identity_of(shuffled) == identity_of(TABLE)
    assert changed("digest", "44") == {"images"}
    assert changed("label", "a") == {"styles"}
    assert changed("group", "bob") == {"groups"}
    assert changed("split", "test") == {"split"}
    assert changed("path", "b/4.png") == {"images", "styles", "groups", "split"}
    assert identity_of(TABLE)["images"].startswith("3 files")


def basis(**more):
    return {**COMMON, "basis": {"seed": 1, **more}}


def test_other_images_are_refused_in_the_database(tmp_path):
    with optuna_study(tmp_path, **basis(images="24", split="x")) as study:
        make(study, most=1)
    with (
        pytest.raises(ArtstyleError, match=r"other values for images\..*--run-name"),
        optuna_study(tmp_path, **basis(images="25", split="x")),
    ):
        pass
    with optuna_study(tmp_path, **basis(images="24", split="x")) as study:
        assert len(study.records()) == 1


def test_a_study_without_a_trial_may_be_replaced(tmp_path):
    for images in ("24", "25"):
        with optuna_study(tmp_path, **basis(images=images)) as study:
            assert study.records() == []
    keras_tuner_study(tmp_path, SPACE, **basis(images="24")).close()
    keras_tuner_study(tmp_path, SPACE, **basis(images="25")).close()


def test_a_study_of_an_earlier_version_continues_only_without_scores(tmp_path):
    with optuna_study(tmp_path, **basis()) as study:
        study.fail(study.ask(), "no memory", 1.0)
    with optuna_study(tmp_path, **basis(images="24")) as study:
        make(study, most=1)
    with (
        pytest.raises(ArtstyleError, match=r"earlier version.*without split"),
        optuna_study(tmp_path, **basis(images="24", split="x")),
    ):
        pass


def test_a_description_of_another_shape_is_no_traceback(tmp_path):
    with optuna_study(tmp_path, **basis()) as study:
        make(study, most=1)
        for about in ("text", [1], {"space": 3}, {"space": [{"no": 1}]}):
            study._study.set_user_attr("about", about)
            with (
                pytest.raises(ArtstyleError, match=r"is damaged|does not match this command"),
                optuna_study(tmp_path, **basis()),
            ):
                pass


def tuning(**changes):
    space = {"training.batch_size": {"type": "categorical", "choices": [8]}}
    return TuningConfig.model_validate_json(json.dumps({"space": space, **changes}))


NO_PRUNER = {"pruner": {"name": "none"}}
KERAS = {"engine": "keras_tuner", **NO_PRUNER}


@pytest.mark.parametrize(
    ("first", "second", "entry"),
    [
        ({}, KERAS, "tuning.engine"),
        (KERAS, {}, "tuning.engine"),
        ({}, {"storage": "postgresql://host/art"}, "tuning.storage"),
        (
            {"storage": "postgresql://host/art"},
            {"storage": "postgresql://host/other"},
            "tuning.storage",
        ),
    ],
)
def test_the_tables_of_another_engine_or_database_are_not_overwritten(
    tmp_path, first, second, entry
):
    place = StudyFolder(tmp_path / "study")
    about = {"space": SPACE.describe(), "seed": 1}
    claim_folder(place, folder_description(tuning(**first), about))
    claim_folder(place, folder_description(tuning(**first), about))
    with pytest.raises(ArtstyleError, match=rf"holds a study with {entry}=.*--run-name"):
        check_owner(place, folder_description(tuning(**second), about))
    with pytest.raises(ArtstyleError, match=rf"holds a study with {entry}="):
        claim_folder(place, folder_description(tuning(**second), about))


def test_a_database_has_several_addresses(tmp_path):
    place = StudyFolder(tmp_path / "study")
    for url in ("postgresql://me@host/art", "postgresql+psycopg://you:secret@10.0.0.1:99/art"):
        claim_folder(place, folder_description(tuning(storage=url), {"space": []}))
    assert "secret" not in place.identity_file.read_text()


def test_the_engine_of_a_folder_of_an_earlier_version_is_inferred(tmp_path):
    keras = folder_description(tuning(**KERAS), {"space": []})
    place = StudyFolder(tmp_path)
    check_owner(place, keras)
    place.database.touch()
    with pytest.raises(ArtstyleError, match=r"tuning\.engine=optuna"):
        check_owner(place, keras)
    place.config_file.write_text("tuning: {engine: keras_tuner}")
    check_owner(place, keras)


def test_tables_of_other_images_are_not_overwritten(tmp_path):
    place = StudyFolder(tmp_path)
    claim_folder(place, folder_description(tuning(), {"space": [], "images": "24"}))
    claim_folder(place, folder_description(tuning(), {"space": [], "images": "25"}))  # no trial yet
    place.trials_file.write_text("trial\n0\n")
    with pytest.raises(ArtstyleError, match="other values for images"):
        check_owner(place, folder_description(tuning(), {"space": [], "images": "26"}))
    check_owner(place, folder_description(tuning(), {"space": []}))  # not known yet
