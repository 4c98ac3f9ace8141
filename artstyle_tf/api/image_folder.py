"""A folder of images, one subfolder per style."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from artstyle_tf.api.keywords import config_from_keywords
from artstyle_tf.api.results import Result, result_of, shown_in_notebooks
from artstyle_tf.config.base import Schema
from artstyle_tf.config.experiment import DirectExperiment
from artstyle_tf.images.index.style_folders import check_image_folder
from artstyle_tf.images.settings import DataConfig
from artstyle_tf.inspection.settings import InspectExperiment
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.progress import Reporter

if TYPE_CHECKING:  # nothing heavy is imported to name a folder
    import pandas as pd
    from matplotlib.figure import Figure

SchemaType = TypeVar("SchemaType", bound=Schema)


class ImageFolder:
    """Images in style folders, with settings of groups, split and preparation.

    Args:
        path: folder with one folder per style; images may lie at any depth below.
        group_pattern: regular expression on the file name whose first group is the name of
            a group that must not be split, such as an artist: `r"^([^_]+)_"` for artist_title.jpg.
        settings: further keys of the section `data`, such as `split_file="split.csv"`,
            `group_file`, `split={"test": 0.2, "train": 0.65}`, `near_duplicates="ignore"`,
            `aspect="pad"`; see the reference of the configuration.

    Raises:
        ArtstyleError: if the folder does not exist, has fewer than two styles, or a keyword is
            unknown.

    Examples:
        >>> images = ImageFolder("data/images", group_pattern=r"^([^_]+)_")
        >>> images.table.groupby("label").size()
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        group_pattern: str | None = None,
        **settings: Any,
    ) -> None:
        self.path = Path(path)
        fixed: dict[str, Any] = {"images": self.path}
        if group_pattern is not None:
            fixed["group_pattern"] = group_pattern
        self.settings = config_from_keywords(DataConfig, fixed, settings)
        if not self.settings.demo_set:
            check_image_folder(self.path)

    def config(self, schema: type[SchemaType], settings: Mapping[str, Any]) -> SchemaType:
        """Build the config of a job on these images.

        Args:
            schema: of the job; has the section `data`.
            settings: keywords, see `api.keywords`.

        Returns:
            With `data.prepared` as given, else a separate folder in the outputs for each folder of
            images.

        Raises:
            ArtstyleError: at a wrong keyword.
        """
        data = self.settings.model_dump(mode="json", exclude_unset=True)
        if "prepared" not in data:
            digest = hashlib.sha256(os.fsencode(self.path.resolve())).hexdigest()[:8]
            outputs = Path(settings.get("outputs") or "outputs")
            data["prepared"] = str(outputs / "prepared" / f"{self.path.resolve().name}-{digest}")
        return config_from_keywords(schema, {}, {"data": data, **settings})

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row per image: path (below the folder), label, group, digest and size of the file."""
        from artstyle_tf.images.prepare_data import find_images

        return find_images(self.settings, Reporter(), fewest_styles=1).images

    @property
    def styles(self) -> list[str]:
        """Names of the styles, sorted."""
        return sorted(self.table["label"].unique().tolist())

    def split(self) -> pd.DataFrame:
        """Divide the images as a training would.

        Returns:
            The table with a column `split`: train, val or test. Groups, copies and images that
            look the same are in one split.

        Raises:
            ArtstyleError: if a style has too few images or groups.
        """
        from artstyle_tf.images.prepare_data import index_and_split

        _, images = index_and_split(self.settings, Reporter())
        return images

    def inspect(self, *, quiet: bool = False, **settings: Any) -> Result:
        """Inspect every image: counts, quality, duplicates, groups, shortcuts, augmentation.

        Args:
            quiet: print warnings only, no progress.
            settings: any key of the configuration of an inspection, such as `fail_on`.

        Returns:
            Findings with code, severity and text; tables and figures are in its folders.
        """
        return result_of("inspect-data", self.config(InspectExperiment, settings), quiet=quiet)

    def prepare(self, *, quiet: bool = False, **settings: Any) -> Result:
        """Write clean copies of the images, split, with augmented copies if configured.

        Trainings do this themselves; this shows their input.

        Args:
            quiet: print warnings only, no progress.
            settings: any key of the section `data`, such as `upsampling={"policy": "strong"}`.

        Returns:
            Counts by style and split; `table("manifest")` has one row per file, with the original
            of each augmented one in `parent`; both are paths below `folder`.
        """
        return result_of("prepare-data", self.config(DirectExperiment, settings), quiet=quiet)

    def augmentation_preview(
        self, policy: str = "gentle", *, image_size_px: int = 224, seed: int = 42
    ) -> Figure:
        """Plot an image of each style with augmented versions.

        Args:
            policy: flip, gentle or strong.
            image_size_px: side of the images before they are augmented.
            seed: selects images and augmentations.

        Returns:
            A matplotlib Figure that a notebook shows.

        Raises:
            ArtstyleError: if there is no such policy, or no image can be read.
        """
        from artstyle_tf.inspection.augmentation_preview import augmented_examples, plot_augmented

        examples = augmented_examples(
            self.table, self.path, policy=policy, side_px=image_size_px, seed=seed
        )
        if not examples[0]:
            raise ArtstyleError(
                "No image can be read", received=str(self.path), expected="image files"
            )
        return shown_in_notebooks(plot_augmented(policy, *examples))

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        return f"ImageFolder({str(self.path)!r})"


def as_image_folder(images: ImageFolder | str | os.PathLike[str]) -> ImageFolder:
    """Convert a path to an `ImageFolder` with default settings."""
    return images if isinstance(images, ImageFolder) else ImageFolder(images)
