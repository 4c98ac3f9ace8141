"""Images of where a run looks, beside its predictions."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from artstyle_tf.plots.heat_overlay import overlay_heat
from artstyle_tf.prediction.grad_cam import GradCam
from artstyle_tf.runs.served_run import Answers, ServedRun
from artstyle_tf.system.files import replaced_atomically


class GradCamOverlays:
    """Writes one JPEG an image: the image beside itself with what speaks for the answer.

    Args:
        run: that answers.
        folder: where they go; made when there is something to write.
    """

    def __init__(self, run: ServedRun, folder: Path) -> None:
        self._run = run
        self._folder = folder
        self._grad_cam = GradCam(keras.Model(run.network.input, run.network.outputs[0]))

    def write(self, paths: Sequence[Path], images: np.ndarray, answers: Answers) -> None:
        """Explains a batch.

        Args:
            paths: of N images.
            images: uint8 [N, S, S, 3].
            answers: for them.
        """
        heat_maps = self._grad_cam.heat_maps(images.astype(np.float32), self._directions(answers))
        for path, image, heat in zip(paths, images, heat_maps, strict=True):
            shown = np.concatenate([image, overlay_heat(image, heat)], axis=1)
            with replaced_atomically(self._folder / _file_name(path)) as temporary:
                Image.fromarray(shown).save(temporary, quality=90)

    def _directions(self, answers: Answers) -> np.ndarray:
        gallery = self._run.gallery
        if gallery is None or answers.neighbors is None:
            return np.eye(len(self._run.class_names), dtype=np.float32)[answers.predicted]
        return gallery.embeddings[answers.neighbors.positions[:, 0]]


def _file_name(path: Path) -> str:
    """Two images may have the same name in different folders."""
    digest = hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:8]
    return f"{path.stem}-{digest}.jpg"
