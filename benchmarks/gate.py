"""What the gate adds to a request: the same cheap route with and without it, in turns, at 100 a second."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence

from benchmarks.guarded import PATH
from benchmarks.harness import Figure, Servers, figure
from benchmarks.load import Call, Load, run
from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.people.person import LOGIN_COOKIE, Identity
from imagegeneration.people.sign_in import SignInProvider

RATE = 100
SECONDS = 5
ROUNDS = 4
BOUND_MS = 1.0
_PROVIDER = {
    "name": "idp",
    "label": "Example",
    "issuer": "http://localhost:9",
    "clientId": "studio",
    "roles": {"admin": ["owner@example.com"]},
}


def measure(servers: Servers) -> Iterator[Figure]:
    """Yield the figures of a request without the gate, and through it with a session's cookie and with a key."""
    bare, guarded = _serve(servers, "bare"), _serve(servers, "guarded")
    cookie, key = _credentials(servers, guarded)
    ways = {
        "without the gate": (bare, cookie),
        "through it, by session cookie": (guarded, cookie),
        "through it, by API key": (guarded, key),
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, (url, headers) in ways.items():
            took[name] += _latencies(url, headers)
    alone = statistics.median(took["without the gate"])
    for name, latencies in took.items():
        yield figure(name, latencies)
        if name != "without the gate":
            added = (statistics.median(latencies) - alone) * 1000
            yield Figure("  which adds", added, None, "ms", f"median < {BOUND_MS:g} ms", added < BOUND_MS)


def _latencies(url: str, headers: Mapping[str, str]) -> Sequence[float]:
    calls = [Call(PATH, headers=headers)] * (RATE * SECONDS)
    outcome = run(Load(url, calls, rate=RATE))
    assert set(outcome.statuses) == {200}, outcome.statuses
    return outcome.latencies[RATE:]  # the first second opens the connections


def _serve(servers: Servers, what: str) -> str:
    port = servers.port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "uvicorn", "--factory", f"benchmarks.guarded:{what}", "--log-level", "warning"]
    command += ["--port", str(port), "--http", "imagegeneration.api.protocol:TimedProtocol"]
    servers.start(
        *(what, command, None),
        PUBLIC_URL=url,
        SIGN_IN_PROVIDERS=json.dumps([_PROVIDER]),
        REQUESTS_PER_MINUTE="1000000",  # the rates are not what is measured
    )
    servers.wait_for(port)
    return url


def _credentials(servers: Servers, url: str) -> tuple[Mapping[str, str], Mapping[str, str]]:
    studio = _studio(servers, url)
    identity = Identity(issuer="http://localhost:9", subject="ann", email="ann@example.com", name="Ann")
    person = studio.people.signed_in(identity, {"creator": ["ann@example.com"]})
    key, _ = studio.keys.make(person.actor(), "benchmark", ["look"], days=1)
    cookie = f"{LOGIN_COOKIE}={studio.logins.create(person, 'idp', 'idp')}"
    return {"Cookie": cookie}, {"Authorization": f"Bearer {key}"}


def _studio(servers: Servers, url: str) -> Studio:
    signing_in = {"sign_in_providers": (SignInProvider.model_validate(_PROVIDER),), "public_url": url}
    studio = build_studio(servers.studio().settings.model_copy(update=signing_in))
    servers.stack.callback(studio.close)
    return studio
