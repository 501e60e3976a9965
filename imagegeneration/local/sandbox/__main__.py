"""`python -m imagegeneration.local.sandbox`: the sandbox provider as a process of its own."""

from __future__ import annotations

import argparse
import contextlib
import ipaddress
import sys
from pathlib import Path

from imagegeneration.local.sandbox import Sandbox


def main() -> int:
    """Serve until stopped. Return 2 for a host that is not loopback and 1 for a port that is taken, after one line."""
    parser = argparse.ArgumentParser(prog="imagegeneration.local.sandbox", description="A provider that costs nothing.")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address (default: %(default)s)")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--log", type=Path, help="file that gets one JSON line for each billable call")
    parser.add_argument("--delay", type=float, default=2.5, help="seconds an image takes (default: %(default)s)")
    parser.add_argument("--text-delay", type=float, default=0.4, help="seconds a text takes (default: %(default)s)")
    options = parser.parse_args()
    if not is_loopback(options.host):
        print(f"The sandbox listens on loopback only, not on {options.host}.", file=sys.stderr)
        return 2
    try:
        sandbox = Sandbox(
            host=options.host,
            port=options.port,
            log=options.log,
            image_delay=options.delay,
            text_delay=options.text_delay,
        )
    except OSError as error:
        print(f"The sandbox cannot listen on {options.host}:{options.port}: {error.strerror}.", file=sys.stderr)
        return 1
    with contextlib.suppress(KeyboardInterrupt):
        sandbox.serve()
    return 0


def is_loopback(host: str) -> bool:
    """Return whether `host` is an IPv4 address that only this machine reaches; the only trusted name is localhost."""
    try:
        return host == "localhost" or ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return False


if __name__ == "__main__":
    sys.exit(main())
