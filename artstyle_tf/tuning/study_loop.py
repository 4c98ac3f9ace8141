"""The loop that keeps workers busy with the trials of a study until it is finished."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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


@dataclass
class StudyLoop:
    """Runs trials until the study is finished, also by other processes that work on it.

    Attributes:
        study: proposes trials and stores their results.
        processes: run the trials.
        function: "module:function" of a trial; returns objective -> value.
        job_of: proposal -> argument of the function; with an ArtstyleError the trial fails.
        board: shows the progress.
        heartbeat_seconds: between heartbeats.
        reporter: gets messages.
    """

    study: Study
    processes: TrialProcesses
    function: str
    job_of: Callable[[Proposal], Any]
    board: LiveBoard
    heartbeat_seconds: float
    reporter: Reporter
    _proposals: dict[Any, Proposal] = field(default_factory=dict, init=False)
    _failures_at_first: list[str] | None = field(default_factory=list, init=False)
    _waiting_for_twin: set[int] = field(default_factory=set, init=False)
    _last_beat: float = field(default=0.0, init=False)

    def run(self) -> None:
        """Run all trials.

        Raises:
            ArtstyleError: if the first trials all fail, because the others would fail, too.
            KeyboardInterrupt: after putting back the running trials.
        """
        try:
            with self.board.shown():
                while True:
                    self._check_twins()
                    self._start_trials()
                    if not self._proposals and self.study.is_finished():
                        self.processes.stop()  # those that wait for a trial
                        return
                    for event in self.processes.events(_SECONDS_BETWEEN_LOOKS):
                        self._handle(event)
                    self._send_heartbeat()
                    safe_point()
        except BaseException:
            self._put_all_back()
            raise

    def _start_trials(self) -> None:
        # A trial that waits for its twin occupies no worker, but not all trials may wait.
        most_waiting = self.processes.num_workers
        while self.processes.has_room and len(self._waiting_for_twin) < most_waiting:
            proposal = self.study.ask()
            if proposal is None:
                return
            self._proposals[proposal.number] = proposal
            if not self._takes_over(proposal):
                self._start(proposal)

    def _check_twins(self) -> None:
        """Stop waiting where the twin has ended, or will not complete."""
        for number in sorted(self._waiting_for_twin):
            if self.processes.has_room and not self._takes_over(self._proposals[number]):
                self._waiting_for_twin.discard(number)
                self._start(self._proposals[number])

    def _takes_over(self, proposal: Proposal) -> bool:
        """Return whether another trial trains, or has trained, the same."""
        twin = self.study.recipes.find_twin(proposal, self.study.records())
        if twin is None:
            return False
        if twin.state == "running":
            self._waiting_for_twin.add(proposal.number)
            return True
        self._waiting_for_twin.discard(proposal.number)
        self.study.repeat(self._proposals.pop(proposal.number), twin)
        self.board.finished(proposal.number, self.study.records())
        return True

    def _start(self, proposal: Proposal) -> None:
        try:
            job = self.job_of(proposal)
        except ArtstyleError as error:
            del self._proposals[proposal.number]
            self._fail(proposal, str(error), 0.0)
            return
        self.processes.start(proposal.number, self.function, job)
        self.board.show(self.study.records())

    def _handle(self, event: Event) -> None:
        key: Any = event.key
        if event.kind == "message":
            self.reporter.info(f"Trial {key}: {event.content}")
            return
        if event.kind == "report":
            step, value = event.content
            # A value that is not finite is no score; the trial will fail when it ends.
            prune = math.isfinite(value) and self.study.report(self._proposals[key], step, value)
            self.processes.answer(key, prune=prune)
            return
        if event.kind == "killed":
            safe_point()  # if the whole program was interrupted, the trial is put back instead
        proposal = self._proposals.pop(key)
        if event.kind == "done":
            self._complete(proposal, event.content, event.seconds)
        elif event.kind == "pruned":
            self.study.prune(proposal, event.content, event.seconds)
        elif event.kind == "failed" and event.content["no_room"]:
            self.study.put_back(proposal, event.content["reason"], at_fault=False)
            raise ArtstyleError(
                "A trial could not write its files, and would fail again",
                received=event.content["reason"],
                fix="free some space and repeat the command, which continues",
            )
        elif event.kind == "failed":
            self._fail(proposal, event.content["reason"], event.seconds)
        elif self.study.put_back(proposal, event.content, at_fault=True):
            self.reporter.info(f"Trial {proposal.number} was {event.content}; it is run again.")
        self.board.finished(proposal.number, self.study.records())

    def _complete(self, proposal: Proposal, scores: Mapping[str, float], seconds: float) -> None:
        if not all(math.isfinite(scores[metric]) for metric in self.study.metrics):
            self._fail(proposal, "its score is not a finite number", seconds)
            return
        self._failures_at_first = None
        self.study.complete(proposal, scores, seconds)

    def _fail(self, proposal: Proposal, reason: str, seconds: float) -> None:
        self.study.fail(proposal, reason, seconds)
        if self._failures_at_first is None:
            return
        self._failures_at_first.append(reason)
        if len(self._failures_at_first) >= min(_MOST_FAILURES_AT_FIRST, self.study.num_trials):
            raise ArtstyleError(
                "All trials fail",
                received=self._failures_at_first[-1],
                fix="repair that and repeat the command with another --run-name",
            )

    def _send_heartbeat(self) -> None:
        now = time.monotonic()
        if now - self._last_beat >= self.heartbeat_seconds:
            self._last_beat = now
            self.study.keep_alive(self._proposals.values())

    def _put_all_back(self) -> None:
        self.processes.stop()
        # If the database has failed, the next command finds its trials.
        with contextlib.suppress(ArtstyleError):
            for proposal in self._proposals.values():
                self.study.put_back(proposal, "interrupted", at_fault=False)
        self._proposals.clear()
