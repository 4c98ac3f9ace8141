"""A format is added by a class and one entry: everything else follows from the entry."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from artstyle_tf.export.formats.export_format import load_format
from artstyle_tf.export.formats.registry import FORMATS, RUNTIMES
from artstyle_tf.export.settings import ExportExperiment
from artstyle_tf.prediction.settings import PredictExperiment


def test_settings_take_the_names_of_the_registry():
    assert ExportExperiment(formats=tuple(FORMATS)).formats == tuple(FORMATS)
    for name in RUNTIMES:
        assert PredictExperiment(runtime=name).runtime == name
    with pytest.raises(ValidationError, match="'onnx'"):
        ExportExperiment(formats=("other",))


@pytest.mark.parametrize("name", FORMATS)
def test_every_entry_leads_to_a_format(name):
    form = load_format(name)
    assert callable(form.write)
    assert callable(form.open)
