"""Logging to standard error, one event per line, as text or as JSON."""

import logging
import sys
from collections.abc import Sequence
from typing import Literal

import structlog
from structlog.typing import Processor


def configure(format: Literal["console", "json"] | None) -> None:
    """Configures logging, also that of libraries. Format None: text on a terminal, else JSON."""
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
    renderers: list[Processor] = (
        [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
        if format == "console"
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    # uvicorn adds a coloured copy of its message.
    shared.append(lambda _, __, event: {k: v for k, v in event.items() if k != "color_message"})
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    # The driver repeatedly logs each unreachable server; requests log their failure already.
    logging.getLogger("pymongo").setLevel(logging.ERROR)
    # httpx logs the address of each request, which may hold a password.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # The driver issues warnings, for example of an unknown option in the URI.
    logging.captureWarnings(True)


def warn_of_unknown_settings(names: Sequence[str]) -> None:
    """Logs a warning for each environment variable that has the prefix, but is no setting."""
    for name in names:
        structlog.get_logger(__name__).warning("unknown setting ignored", name=name)
