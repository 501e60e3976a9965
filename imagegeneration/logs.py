"""How the processes log: one line an event, to standard error."""

from __future__ import annotations

import logging
import time


def configure_logging() -> None:
    """Log our INFO and everybody's WARNING, with UTC times."""
    formatter = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("imagegeneration").setLevel(logging.INFO)
