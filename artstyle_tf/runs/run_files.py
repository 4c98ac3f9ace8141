"""Read and validate the JSON files of a run, for every verb.

A run may come from another source, or have been edited. The schemas define what a file may contain;
an error names the file and the field. Fields of later versions are optional, so that older runs can
be read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    ValidationError,
    model_validator,
)

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.files import read_json

_MOST_PROBLEMS_SHOWN = 3
_FIX = "restore the file from a copy, or train the run again"

ModelType = TypeVar("ModelType", bound=BaseModel)


def _is_time(text: str) -> str:
    datetime.fromisoformat(text)
    return text


Number = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(allow_inf_nan=False, ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Time = Annotated[str, AfterValidator(_is_time)]
Interval = tuple[Number, Number] | None
Part = Literal["validation", "test"]


class _Lenient(BaseModel):
    """Validate the known fields strictly, and allow fields of other versions."""

    model_config = ConfigDict(strict=True, extra="allow")


class ClassNames(RootModel[list[str]]):
    """class_names.json: the styles, in the order of the logits."""

    model_config = ConfigDict(strict=True)

    @model_validator(mode="after")
    def _are_different(self) -> ClassNames:
        if len(self.root) < 2:
            raise ValueError(f"should name two styles or more, not {len(self.root)}")
        if "" in self.root:
            raise ValueError("should have no empty name")
        if len(set(self.root)) < len(self.root):
            twice = next(name for name in self.root if self.root.count(name) > 1)
            raise ValueError(f"should name each style once; {twice[:80]!r} is there twice")
        return self


class CalibrationFile(_Lenient):
    """calibration.json."""

    temperature: Annotated[Number, Field(gt=0)]
    target_accuracy: Annotated[Share, Field(gt=0)]
    threshold: Share | None
    coverage: Share


class _CacheDecision(_Lenient):
    use: bool
    reason: str = ""


class Environment(_Lenient):
    """environment.json."""

    # The first runs were all direct and did not store it.
    kind: Literal["direct", "triplet"] = "direct"
    seed: Count | None = None
    artstyle_tf: str | None = None
    packages: dict[str, str] = {}
    prepared_images: str | None = None
    initial_weights_digest: str | None = None
    trunk_cache: _CacheDecision | None = None


class State(_Lenient):
    """run.json."""

    state: Literal["running", "finished", "interrupted", "failed"]
    started: Time
    changed: Time


class _Scores(BaseModel):
    """Scores of a part, including those of embeddings and of calibration."""

    model_config = ConfigDict(strict=True, extra="allow")
    # The type of further fields.
    __pydantic_extra__: dict[str, Number] = Field(init=False)  # pyright: ignore[reportIncompatibleVariableOverride]

    macro_f1: Share
    accuracy: Share
    macro_precision: Share
    macro_recall: Share


class _Comparison(_Lenient):
    difference: Number
    interval: tuple[Number, Number]
    p_value: Share | None = None


class _Baseline(_Lenient):
    macro_f1: Share
    accuracy: Share | None = None
    macro_precision: Share | None = None
    macro_recall: Share | None = None
    trained_against_baseline: _Comparison
    verdict: str


class _Unreadable(_Lenient):
    path: str
    reason: str


class _EpochSelection(_Lenient):
    epoch: Count
    epochs: Annotated[list[Count], Field(min_length=1)]
    macro_f1: list[Share]
    folds: list[list[Share]]

    @model_validator(mode="after")
    def _lengths_agree(self) -> _EpochSelection:
        if any(len(scores) != len(self.epochs) for scores in (self.macro_f1, *self.folds)):
            raise ValueError("macro_f1 and each of the folds should have a score for each epoch")
        return self


class Metrics(_Lenient):
    """metrics.json of a finished run."""

    validation: _Scores
    # Absent, not null, without a test split.
    test: _Scores = Field(default=None)  # pyright: ignore[reportAssignmentType]
    intervals: dict[Part, dict[str, Interval]] = {}
    baseline: dict[Part, _Baseline] = {}
    calibration: CalibrationFile | None = None
    refitted: bool = False
    best_epoch: Count = 0
    epoch_selection: _EpochSelection | None = None
    stopped_early: str | None = None
    alarms: list[str] = []
    trunk_cache: _CacheDecision | None = None
    num_images: dict[str, Count] = {}
    leaks: dict[str, Count] = {}
    unreadable: list[_Unreadable] = []
    seconds: dict[str, Number] = {}

    @model_validator(mode="after")
    def _parts_agree(self) -> Metrics:
        if self.test is not None:
            validation, test = self.validation.model_dump(), self.test.model_dump()
            different = sorted(set(validation) ^ set(test))
            if different:
                raise ValueError(f"validation and test should have the same scores: {different[0]}")
        return self


class _FoldScores(_Lenient):
    macro_f1: Share
    macro_f1_interval: tuple[Number, Number]


class _Gap(_Lenient):
    verdict: str


class CrossValidation(_Lenient):
    """metrics.json of a cross-validation, as far as it is read elsewhere."""

    kind: str
    random: _FoldScores | None = None
    group: _FoldScores | None = None
    gap: _Gap | None = None

    @model_validator(mode="after")
    def _has_scores(self) -> CrossValidation:
        if self.random is None and self.group is None:
            raise ValueError("should have scores of random or of group folds")
        return self


class _ClassifierResult(_Lenient):
    search_seconds: Number
    fit_seconds: Number
    milliseconds_per_image: Number
    size_bytes: Count | None


class Analysis(_Lenient):
    """analysis.json, as far as comparisons read it."""

    run: str | None
    layer: str
    classifiers: dict[str, _ClassifierResult] | None = None


def read_checked(path: Path, schema: type[ModelType]) -> ModelType:
    """Read a JSON file of a run, validated by a schema.

    Raises:
        ArtstyleError: if the file is missing or damaged, or a field is not valid.
    """
    return _checked(read_json(path), schema, path)


def read_values(path: Path, schema: type[BaseModel]) -> dict[str, Any]:
    """Read like `read_checked`, but return the JSON object of the file."""
    content = read_json(path)
    _checked(content, schema, path)
    return content


def not_as_expected(path: Path, field: str, problem: str) -> ArtstyleError:
    """Return the error for a file of a run with a value that is not valid.

    Args:
        path: of the file.
        field: with the problem, e.g. "temperature" or "column split".
        problem: description.
    """
    return ArtstyleError(
        f"{path} is damaged or was changed",
        received=f"{field}: {' '.join(problem.split())[:300]}",
        fix=_FIX,
    )


def _checked(content: Any, schema: type[ModelType], path: Path) -> ModelType:
    try:
        # From JSON, where strict mode accepts a list for a tuple.
        return schema.model_validate_json(json.dumps(content))
    except ValidationError as error:
        problems = [_in_words(problem) for problem in error.errors()]
        first = problems[0]
        more = "; ".join(f"{field}: {text}" for field, text in problems[1:_MOST_PROBLEMS_SHOWN])
        raise not_as_expected(path, first[0], first[1] + (f"; {more}" if more else "")) from error
    except (TypeError, ValueError, RecursionError) as error:
        raise not_as_expected(path, "content", str(error)) from error


def _in_words(problem: Mapping[str, Any]) -> tuple[str, str]:
    field = ".".join(str(key)[:40] for key in problem["loc"]) or "content"
    text = str(problem["msg"]).removeprefix("Value error, ").replace("Input should", "should")
    received = problem.get("input")
    if isinstance(received, (str, int, float, bool)) or received is None:
        text += f", not {str(received)[:80]!r}"
    return field, text
