"""The log: one event a line, as text for a terminal or as JSON for a collector."""

import logging
import sys
from collections.abc import Sequence
from typing import Literal

import structlog
from structlog.typing import Processor


def configure(format: Literal["console", "json"] | None) -> None:
    """Sends all logging, the libraries' too, to standard error in one format."""
    if format is None:
        format = "console" if sys.stderr.isatty() else "json"
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    last: list[Processor] = (
        [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
        if format == "console"
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    # uvicorn's way of colouring, which is not ours.
    shared.append(lambda _, __, event: {k: v for k, v in event.items() if k != "color_message"})
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    # The driver logs every server it loses, many times; the answers say so, too.
    logging.getLogger("pymongo").setLevel(logging.ERROR)
    # What the driver warns of, an option that it does not know for instance, is logged, too.
    logging.captureWarnings(True)


def warn_of(unknown: Sequence[str]) -> None:
    """Says which variables of the environment look like settings, and are none."""
    for name in unknown:
        structlog.get_logger(__name__).warning("this variable is no setting: ignored", name=name)
