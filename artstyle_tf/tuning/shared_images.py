"""The images of a study, as they go from one process to another.

In a file of its own, so that whoever reads them back need not import TensorFlow.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from artstyle_tf.images.preparation.preparation import PreparedImages


@dataclass(frozen=True)
class StudyImages:
    """The images of every trial.

    Attributes:
        prepared: clean files with their splits.
        table: of the sources, as the index gives it, with the column `split`.
        class_names: in the order of the class ids.
    """

    prepared: PreparedImages
    table: pd.DataFrame
    class_names: tuple[str, ...]
