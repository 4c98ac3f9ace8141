"""Keeps workers busy with the trials of a study until it is finished."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.interruption import safe_point
from artstyle_tf.system.progress import Reporter
from artstyle_tf.tuning.live_board import LiveBoard
from artstyle_tf.tuning.study import Study
from artstyle_tf.tuning.trial_processes import Event, TrialProcesses
from artstyle_tf.tuning.trial_records import Proposal

_SECONDS_BETWEEN_LOOKS = 0.5
_MOST_FAILURES_AT_FIRST = 5

JobOfTrial = Callable[[Proposal], Any]
"""What a trial's function gets; an ArtstyleError makes the trial a failed one."""


def run_study(
    study: Study,
    processes: TrialProcesses,
    *,
    function: str,
    job_of: JobOfTrial,
    board: LiveBoard,
    heartbeat_seconds: float,
    reporter: Reporter,
) -> None:
    """Makes trials until the study is finished, also by others who work on it.

    Args:
        study: proposes and remembers.
        processes: where trials run.
        function: "module:function" of a trial; returns objective -> value.
        job_of: proposal -> what the function gets.
        board: shows how it goes.
        heartbeat_seconds: between signs of life.
        reporter: where messages go.

    Raises:
        ArtstyleError: if the first trials all fail, because the others would, too.
        KeyboardInterrupt: after giving back the trials that were being made.
    """
    _Loop(study, processes, function, job_of, board, heartbeat_seconds, reporter).run()


class _Loop:
    def __init__(
        self,
        study: Study,
        processes: TrialProcesses,
        function: str,
        job_of: JobOfTrial,
        board: LiveBoard,
        heartbeat_seconds: float,
        reporter: Reporter,
    ) -> None:
        self._study = study
        self._processes = processes
        self._function = function
        self._job_of = job_of
        self._board = board
        self._heartbeat_seconds = heartbeat_seconds
        self._reporter = reporter
        self._proposals: dict[Any, Proposal] = {}
        self._failures_at_first: list[str] | None = []
        self._waiting_for_twin: set[int] = set()
        self._last_beat = 0.0

    def run(self) -> None:
        try:
            with self._board.shown():
                while True:
                    self._look_for_twins()
                    self._begin_trials()
                    if not self._proposals and self._study.is_finished():
                        return
                    for event in self._processes.events(_SECONDS_BETWEEN_LOOKS):
                        self._hear(event)
                    self._say_alive()
                    safe_point()
        except BaseException:
            self._give_back()
            raise

    def _begin_trials(self) -> None:
        # Who waits for the outcome of a twin takes no place, but may not be all that there is.
        most_waiting = self._processes.num_workers
        while self._processes.has_room and len(self._waiting_for_twin) < most_waiting:
            proposal = self._study.ask()
            if proposal is None:
                return
            self._proposals[proposal.number] = proposal
            if not self._takes_over(proposal):
                self._start(proposal)

    def _look_for_twins(self) -> None:
        """Ends the waiting of trials whose twin has ended, or will not."""
        for number in sorted(self._waiting_for_twin):
            if self._processes.has_room and not self._takes_over(self._proposals[number]):
                self._waiting_for_twin.discard(number)
                self._start(self._proposals[number])

    def _takes_over(self, proposal: Proposal) -> bool:
        """Whether another trial trains, or has trained, the same, so that this one need not."""
        twin = self._study.recipes.find_twin(proposal, self._study.records())
        if twin is None:
            return False
        if twin.state == "running":
            self._waiting_for_twin.add(proposal.number)
            return True
        self._waiting_for_twin.discard(proposal.number)
        self._study.repeat(self._end(proposal.number), twin)
        self._board.finished(proposal.number, self._study.records())
        return True

    def _start(self, proposal: Proposal) -> None:
        try:
            job = self._job_of(proposal)
        except ArtstyleError as error:
            self._end(proposal.number)
            self._fail(proposal, str(error), 0.0)
            return
        self._processes.start(proposal.number, self._function, job)
        self._board.show(self._study.records())

    def _hear(self, event: Event) -> None:
        if event.kind == "message":
            self._reporter.info(f"Trial {event.key}: {event.content}")
            return
        if event.kind == "report":
            step, value = event.content
            # What is not finite is no score, and the trial will say so when it ends.
            hopeless = math.isfinite(value) and self._study.report(
                self._proposals[event.key], step, value
            )
            self._processes.answer(event.key, give_up=hopeless)
            return
        if event.kind == "killed":
            safe_point()  # by who wants the whole program to end: then the trial is given back
        proposal = self._end(event.key)
        if event.kind == "done":
            self._complete(proposal, event.content, event.seconds)
        elif event.kind == "pruned":
            self._study.prune(proposal, event.content, event.seconds)
        elif event.kind == "failed" and event.content["no_room"]:
            self._study.put_back(proposal, event.content["reason"], at_fault=False)
            raise ArtstyleError(
                "A trial could not write its files, and would fail again",
                received=event.content["reason"],
                fix="free some space and give the same command again, which continues",
            )
        elif event.kind == "failed":
            self._fail(proposal, event.content["reason"], event.seconds)
        else:
            self._take_up_again(proposal, event.content)
        records = self._study.records()
        self._board.finished(proposal.number, records)

    def _end(self, number: Any) -> Proposal:
        return self._proposals.pop(number)

    def _complete(self, proposal: Proposal, scores: Mapping[str, float], seconds: float) -> None:
        if not all(math.isfinite(scores[metric]) for metric in self._study.metrics):
            self._fail(proposal, "its score is not a finite number", seconds)
            return
        self._failures_at_first = None
        self._study.complete(proposal, scores, seconds)

    def _fail(self, proposal: Proposal, reason: str, seconds: float) -> None:
        self._study.fail(proposal, reason, seconds)
        if self._failures_at_first is None:
            return
        self._failures_at_first.append(reason)
        if len(self._failures_at_first) >= min(_MOST_FAILURES_AT_FIRST, self._study.num_trials):
            raise ArtstyleError(
                "All trials fail",
                received=self._failures_at_first[-1],
                fix="repair that and give the same command with another --run-name",
            )

    def _take_up_again(self, proposal: Proposal, reason: str) -> None:
        if self._study.put_back(proposal, reason, at_fault=True):
            self._reporter.info(f"Trial {proposal.number} was {reason}; it is made again.")

    def _say_alive(self) -> None:
        now = time.monotonic()
        if now - self._last_beat >= self._heartbeat_seconds:
            self._last_beat = now
            self._study.keep_alive(self._proposals.values())

    def _give_back(self) -> None:
        self._processes.stop()
        # If the database is why all ends here, its trials are found by whoever continues.
        with contextlib.suppress(ArtstyleError):
            for proposal in self._proposals.values():
                self._study.put_back(proposal, "interrupted", at_fault=False)
        self._proposals.clear()
