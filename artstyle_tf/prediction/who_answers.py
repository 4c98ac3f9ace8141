"""Whether a run or a server is asked; nothing heavy is imported."""

from __future__ import annotations

from artstyle_tf.prediction.server.server_address import parse_address
from artstyle_tf.prediction.settings import PredictExperiment
from artstyle_tf.runs.run_finding import find_run
from artstyle_tf.system.errors import ArtstyleError


def check_who_answers(config: PredictExperiment) -> None:
    """Checks that there is one run or one server to ask; nothing is sent.

    Raises:
        ArtstyleError: if there is none or both, the address is none, or a server is asked for what
            only a run can do.
    """
    if config.url is None:
        find_run(config.run, config.outputs, purpose="asked")
        return
    if config.run is not None:
        raise ArtstyleError("Either a run answers or a server", expected="--run DIR or --url URL")
    if config.grad_cam is not None:
        raise ArtstyleError(
            "A server does not show where it looks", fix="ask the run itself: --run DIR"
        )
    parse_address(config.url, model_name=config.model_name)
