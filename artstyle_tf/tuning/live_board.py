"""The progress of a study on the terminal: the best trials and the time left."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Any

from artstyle_tf.system.progress import Reporter, format_seconds
from artstyle_tf.tuning.study import best_first
from artstyle_tf.tuning.trial_records import TrialRecord

_BEST_SHOWN = 5
_NAMES = {"macro_f1": "macro-F1", "training_seconds": "seconds"}


class LiveBoard:
    """A table that is updated on a terminal; elsewhere one line for each trial."""

    def __init__(self, reporter: Reporter, metrics: Sequence[str], num_trials: int) -> None:
        self._reporter = reporter
        self._metrics = metrics
        self._num_trials = num_trials
        self._started = time.monotonic()
        self._done_before: int | None = None
        self._live: Any = None

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Show the table on a terminal inside the context."""
        if self._reporter.quiet or not self._reporter.is_terminal:
            yield
            return
        from rich.live import Live  # imported late, because --help must be fast

        console = self._reporter.console()
        with Live(console=console, refresh_per_second=2, transient=True) as self._live:
            yield
        self._live = None

    def show(self, records: Sequence[TrialRecord]) -> None:
        """Update the table."""
        if self._done_before is None:
            self._done_before = _num_done(records)
        if self._live is not None:
            self._live.update(self._table(records))

    def finished(self, number: int, records: Sequence[TrialRecord]) -> None:
        """Show the result of a trial."""
        self.show(records)
        record = next((record for record in records if record.number == number), None)
        if self._live is not None or record is None or record.state == "running":
            return
        best = best_first(records, self._metrics)[:1]
        known = f" (best {self._scores(best[0])}: trial {best[0].number})" if best else ""
        self._reporter.info(
            f"Trial {number}, {_num_done(records)}/{self._num_trials}: "
            f"{self._outcome(record)}{known}{self._time_left(records)}"
        )

    def _outcome(self, record: TrialRecord) -> str:
        if record.state == "complete":
            text = self._scores(record)
        else:
            text = f"{record.state}, {record.reason}"
        if record.repeat_of is not None:
            return f"{text}, same training as trial {record.repeat_of}"
        return text if record.seconds is None else f"{text}, {format_seconds(record.seconds)}"

    def _scores(self, record: TrialRecord) -> str:
        return ", ".join(f"{_NAMES[name]} {record.scores[name]:.3f}" for name in self._metrics)

    def _time_left(self, records: Sequence[TrialRecord]) -> str:
        done = _num_done(records)
        done_here = done - (self._done_before or 0)
        if done_here <= 0 or done >= self._num_trials:
            return ""
        seconds = (time.monotonic() - self._started) / done_here * (self._num_trials - done)
        return f", about {format_seconds(seconds)} left"

    def _table(self, records: Sequence[TrialRecord]) -> Any:
        from rich.table import Table
        from rich.text import Text

        best = best_first(records, self._metrics)[:_BEST_SHOWN]
        keys = list(dict.fromkeys(key for record in best for key in record.values))
        running = [record for record in records if record.state == "running"]
        table = Table(
            title=f"{_num_done(records)} of {self._num_trials} trials{self._time_left(records)}",
            caption=" ".join(f"trial {r.number}: step {max(r.steps, default=0)}" for r in running),
        )
        for heading in ("trial", *(_NAMES[name] for name in self._metrics), "s"):
            table.add_column(heading, justify="right")
        for key in keys:
            table.add_column(Text(key.rpartition(".")[2]), justify="right")
        for record in best:
            table.add_row(
                str(record.number),
                *(f"{record.scores[name]:.3f}" for name in self._metrics),
                "" if record.seconds is None else f"{record.seconds:.0f}",
                *(Text(short_value(record.values.get(key, "-"))) for key in keys),
            )
        return table


def short_value(value: Any) -> str:
    """Format a value of a parameter for tables and figures."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _num_done(records: Sequence[TrialRecord]) -> int:
    return sum(record.state != "running" for record in records)
