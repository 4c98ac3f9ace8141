"""Check that there is one source of predictions, a run or a server; imports nothing heavy."""

from __future__ import annotations

from artstyle_tf.prediction.server.server_address import parse_address
from artstyle_tf.prediction.settings import PredictExperiment
from artstyle_tf.runs.run_finding import find_run
from artstyle_tf.system.errors import ArtstyleError


def check_model_source(config: PredictExperiment) -> None:
    """Check that one run or one server is given; send nothing.

    Raises:
        ArtstyleError: if there is none or both, the URL is not valid, or an option needs a run.
    """
    if config.url is None:
        find_run(config.run, config.outputs, purpose="used for prediction")
        return
    if config.run is not None:
        raise ArtstyleError(
            "Both a run and a server are given", expected="either --run DIR or --url URL"
        )
    if config.grad_cam is not None:
        raise ArtstyleError(
            "A server does not compute Grad-CAM", fix="use the run itself: --run DIR"
        )
    parse_address(config.url, model_name=config.model_name)
