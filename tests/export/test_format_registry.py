"""A format is added by a class and one entry: everything else follows from the entry."""

from __future__ import annotations

from typing import get_args

import pytest

from artstyle_tf.export.formats.export_format import load_format
from artstyle_tf.export.formats.registry import FORMATS, RUNTIMES
from artstyle_tf.export.settings import ExportExperiment, FormatName
from artstyle_tf.prediction.settings import PredictExperiment, RuntimeName


def test_settings_take_the_names_of_the_registry():
    assert get_args(FormatName) == tuple(FORMATS)
    assert get_args(RuntimeName) == ("auto", "tensorflow", *RUNTIMES)
    assert ExportExperiment(formats=tuple(FORMATS)).formats == tuple(FORMATS)
    for name in RUNTIMES:
        assert PredictExperiment(runtime=name).runtime == name


@pytest.mark.parametrize("name", FORMATS)
def test_every_entry_leads_to_a_format(name):
    form = load_format(name)
    assert callable(form.write)
    assert callable(form.open)
