"""Start programs to kill, by forking one that has already imported everything.

Importing TensorFlow takes longer than the trainings here, so a server does it once. It has run
nothing of TensorFlow when it forks, which would be dangerous with its threads.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

HAS_CALLED = 99
"""Exit code of a program that wanted to speak with another machine."""

_called: list[str] = []

_TESTS = Path(__file__).parents[1]


@dataclass
class Ended:
    """How a program ended.

    Attributes:
        code: exit code; minus the number of the signal if it was killed.
        out: of stdout.
        err: of stderr.
    """

    code: int
    out: str
    err: str


class Program:
    """One command of the command line, running."""

    def __init__(self, server: ForkServer, pid: int, out: Path, err: Path) -> None:
        self._server, self.pid, self._out, self._err = server, pid, out, err

    def kill(self) -> None:
        """Kill the program like `kill -9`; its children are not killed."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def terminate(self) -> None:
        """Send SIGTERM, as batch systems do some seconds before SIGKILL."""
        os.kill(self.pid, signal.SIGTERM)

    def wait_for_message(self, text: str) -> None:
        """Wait for a text on stderr, or for the end."""
        while text not in self.heard() and not self.has_ended():
            time.sleep(0.005)

    def heard(self) -> str:
        """Return what it has written to stderr so far."""
        return self._err.read_text() if self._err.exists() else ""

    def wait(self) -> Ended:
        """Wait until it has ended."""
        code = self._server.ask({"wait": self.pid})["code"]
        return Ended(code, self._out.read_text(), self._err.read_text())

    def has_ended(self) -> bool:
        """Return whether it has ended; `wait` returns how."""
        return self._server.ask({"poll": self.pid})["ended"]


class ForkServer:
    """Server that starts programs quickly, by forking."""

    def __init__(self) -> None:
        environment = {
            **os.environ,
            "PYTHONPATH": str(_TESTS.parent),
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "CUDA_VISIBLE_DEVICES": "-1",
        }
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self._number = 0

    def start(self, verb: str, *arguments: str, cwd: Path, before: str = "") -> Program:
        """Start `artstyle VERB ARGUMENTS`; the tiny network is known by its name.

        Args:
            verb: of the command line.
            arguments: of the command line.
            cwd: where it works; its output is kept beside.
            before: Python that the program runs first.
        """
        self._number += 1
        out, err = (cwd.with_name(f"{cwd.name}.{self._number}.{end}") for end in ("out", "err"))
        wanted = {"verb": verb, "arguments": arguments, "cwd": str(cwd), "before": before}
        answer = self.ask({**wanted, "out": str(out), "err": str(err)})
        return Program(self, answer["pid"], out, err)

    def run(self, verb: str, *arguments: str, cwd: Path, before: str = "") -> Ended:
        """Start a command and wait for it."""
        return self.start(verb, *arguments, cwd=cwd, before=before).wait()

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send one request and return the response."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(request) + "\n")
        stdin.flush()
        return json.loads(stdout.readline())

    def close(self) -> None:
        """End the server."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=600)
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextlib.contextmanager
def fork_server() -> Iterator[ForkServer]:
    """Yield a server that runs during the `with` block."""
    server = ForkServer()
    try:
        yield server
    finally:
        server.close()


def _serve(requests: TextIO, answers: TextIO) -> None:
    ended: dict[int, int] = {}
    for line in requests:
        request = json.loads(line)
        if "wait" in request:
            pid = request["wait"]
            if pid not in ended:
                ended[pid] = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            answer = {"code": ended[pid]}
        elif "poll" in request:
            pid = request["poll"]
            if pid not in ended:
                found, status = os.waitpid(pid, os.WNOHANG)
                if found:
                    ended[pid] = os.waitstatus_to_exitcode(status)
            answer = {"ended": pid in ended}
        else:
            pid = os.fork()
            if pid == 0:
                _become(request)
            answer = {"pid": pid}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _become(request: dict[str, Any]) -> None:
    """Run the command in the forked process until its end."""
    code = 1
    try:
        os.setsid()
        os.chdir(request["cwd"])
        for number, name in ((1, "out"), (2, "err")):
            file = os.open(request[name], os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
            os.dup2(file, number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1) for number in (1, 2))
        if request["before"]:
            exec(request["before"], {})
        from artstyle_tf.cli.main import main

        code = main(request["arguments"], verb=request["verb"])
        if _called:
            print(f"It has called {_called}", file=sys.stderr)
            code = HAS_CALLED
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        os._exit(code)


def _note_calls(event: str, arguments: tuple[Any, ...]) -> None:
    """Audit hook that records network access; raising would be caught by the caller."""
    if event == "socket.getaddrinfo":
        _called.append(str(arguments[0]))
    if event == "socket.connect" and not isinstance(arguments[1], str | bytes):
        _called.append(str(arguments[1]))


def _import_everything() -> None:
    import importlib
    import runpy

    from artstyle_tf.api.jobs import JOBS
    from artstyle_tf.models.backbone_registry import FAMILIES

    for job in JOBS.values():
        importlib.import_module(job.module)
    shared = runpy.run_path(
        str(_TESTS / "conftest.py")
    )  # by its path, because other files have the same name
    FAMILIES["tiny"] = shared["TINY_FAMILY"]


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what imports print is not a response
    sys.addaudithook(_note_calls)
    _import_everything()
    _serve(sys.stdin, answers)
