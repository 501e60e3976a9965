"""`make run`: the supervisor with everything it starts, as a person at a terminal and a crash meet it."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from PIL import Image

from imagegeneration.local.mongod import REPLICA_SET, mongod_part
from imagegeneration.local.part import Part
from imagegeneration.local.sandbox import Sandbox
from imagegeneration.settings import Settings
from tests.support import APPROVAL_KEY, remove_sockets, serving, wait_until

ROOT = Path(__file__).parents[2]
ORDER = ["mongod", "bucket", "sandbox", "runner", "dashboard"]
SECRETS = ["approval-key", "bucket-secret", "mongod-key", "mongod-password"]
_SIGN_OF = {
    "mongod": "--replSet",
    "bucket": "weed",
    "sandbox": "local.sandbox",
    "runner": "imagegeneration.runner",
    "dashboard": "app:app",
}


HTTP = httpx2.Client(timeout=15, limits=httpx2.Limits(max_keepalive_connections=0))
"""One for all: to make a client costs more than a request."""


class Run:
    """One `make run`, in a folder without `.env`, so that no configuration of the developer reaches it."""

    def __init__(self, cwd: Path, *, data: Path, port: int | None = None, **env: str) -> None:
        self.data = data
        self.port = port or _free_port()
        self._output = cwd / f"output-{self.port}-{time.monotonic_ns()}"
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "PYTEST_"))}
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "imagegeneration.local", "--delay", "0.3"],
                cwd=cwd,
                env={**clean, "PYTHONPATH": str(ROOT), "PORT": str(self.port), "DATA_DIR": str(data), **env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def output(self) -> str:
        return self._output.read_text()

    @property
    def children(self) -> dict[str, int]:
        """The running children: name and process id."""
        found = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, parent = stat.read_text().rpartition(")")[2].split()[:2]
                command = stat.with_name("cmdline").read_bytes().decode().replace("\0", " ")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(parent) == self.process.pid and state != "Z":
                found.update({name: int(stat.parent.name) for name, sign in _SIGN_OF.items() if sign in command})
        return found

    def is_ready(self) -> bool:
        try:
            return self.get("/image/health/ready").status_code == 200
        except httpx2.TransportError:
            return False

    def wait_until_ready(self) -> Run:
        wait_until(self.is_ready, "ready", seconds=60, every=0.1)
        wait_until(lambda: "is ready" in self.output, "the summary is printed", seconds=30)
        return self

    def get(self, path: str) -> httpx2.Response:
        return HTTP.get(f"http://127.0.0.1:{self.port}{path}")

    def approve(self, prompt: str, images: int = 1) -> str:
        """The id of a new job."""
        body = {"intent": "card", "rawPrompt": "hills", "finalPrompt": prompt, "imageCount": images}
        answer = HTTP.post(f"http://127.0.0.1:{self.port}/image/execute-prompt", json=body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["jobId"])

    def status(self, job: str) -> dict[str, Any]:
        status: dict[str, Any] = self.get(f"/image/job-status/{job}").json()
        return status

    def done(self, job: str) -> list[str]:
        """The CDN URLs of the job, once it is done."""
        wait_until(lambda: self.status(job)["status"] in ("DONE", "FAILED"), "the job is over", seconds=40, every=0.1)
        assert self.status(job)["status"] == "DONE", self.status(job)
        urls: list[str] = self.status(job)["cdnUrls"]
        return urls

    def ends(self, *, within: float) -> int:
        """The exit code."""
        return self.process.wait(within)

    def end_for_good(self) -> None:
        """Leave nothing behind, whatever the test has done: the children die with their parent."""
        self.process.kill()
        self.process.wait()
        remove_sockets(self.data)


Starter = Callable[..., Run]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starter]:
    """Starts a run; all are ended with the module."""
    runs: list[Run] = []

    def start_one(**options: Any) -> Run:
        cwd = tmp_path_factory.mktemp("run")
        runs.append(Run(cwd, data=options.pop("data", cwd / "data"), **options))
        return runs[-1]

    yield start_one
    for run in runs:
        run.end_for_good()


@pytest.fixture(scope="module")
def ready(start: Starter) -> Callable[[], Run]:
    """Gives the run that the tests share, ready: started again, on its data, where a test has ended it."""
    runs = [start()]

    def ready_run() -> Run:
        if runs[-1].process.poll() is not None:
            runs.append(start(data=runs[-1].data))
        return runs[-1].wait_until_ready()

    return ready_run


@pytest.fixture
def running(ready: Callable[[], Run]) -> Run:
    """The run that the tests share, ready."""
    return ready()


@pytest.fixture(scope="module")
def standalone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Part]:
    """A mongod that is no replica set."""
    folder = tmp_path_factory.mktemp("standalone")
    part = mongod_part(folder / "mongodb", _free_port())
    command = [word for word in part.command if word not in ("--replSet", REPLICA_SET)]
    uri = part.provides["MONGODB_URI"].partition("?")[0]
    with serving(dataclasses.replace(part, command=command, provides={"MONGODB_URI": uri}), folder) as alone:
        yield alone


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_from_nothing_to_images_on_the_cdn(running: Run) -> None:
    urls = running.done(running.approve("green hills", images=3))

    contents = [HTTP.get(url).content for url in urls]
    assert len({hashlib.sha256(content).hexdigest() for content in contents}) == 3
    for content in contents:
        with Image.open(io.BytesIO(content)) as picture:
            assert picture.size == (1024, 1024)
    assert sorted(running.children) == sorted(ORDER)


def test_the_summary_says_where_it_is_and_that_nothing_is_real(running: Run) -> None:
    assert f"http://127.0.0.1:{running.port}" in running.output
    assert "SANDBOX: no image is real and no money is spent" in running.output
    assert str(running.data) in running.output
    assert running.output.count("past its end of life") == (shutil.which("mongod") is None)


def test_everything_that_persists_is_in_its_folder(running: Run) -> None:
    found = {path.name for path in running.data.iterdir()}

    assert found >= {"mongodb", "objects", "spool", "logs", "ports.json", "sandbox-calls.jsonl"}


def test_other_users_of_the_machine_may_nothing_with_it(running: Run) -> None:
    running.done(running.approve("private hills"))

    found = [path for path in (running.data, *running.data.rglob("*")) if path.exists() and not path.is_symlink()]
    open_to_others = [path for path in found if path.stat().st_mode & 0o077]
    # SeaweedFS sets the mode of these itself. They say how a volume is made, and the folders above are closed.
    assert [path for path in open_to_others if path.suffix != ".vif"] == []


def test_no_secret_is_shown_by_ps_or_written_to_a_log(running: Run) -> None:
    secrets = [(running.data / name).read_text() for name in SECRETS]
    told = [Path(f"/proc/{pid}/cmdline").read_text() for pid in (running.process.pid, *running.children.values())]
    told += [path.read_text(errors="replace") for path in (running.data / "logs").iterdir()]

    assert not [secret for secret in secrets for text in (running.output, *told) if secret in text]


def test_no_child_gets_the_terminals_ctrl_c(running: Run) -> None:
    assert all(os.getsid(pid) == pid for pid in running.children.values())


def test_all_embedded_parts_listen_on_loopback_only(running: Run) -> None:
    ports = json.loads((running.data / "ports.json").read_text())

    listening = {line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines() if line.split()[3] == "0A"}
    assert {address for address in listening if int(address[9:], 16) in ports.values()} == {
        f"0100007F:{port:04X}" for port in ports.values()
    }


def test_a_second_run_on_the_same_folder_is_refused(running: Run, start: Starter) -> None:
    second = start(data=running.data)

    assert second.ends(within=15) == 2
    assert second.output.count("\n") == 1
    assert str(running.data) in second.output
    assert f"process {running.process.pid}." in second.output
    assert running.is_ready()


def test_a_port_in_use_is_one_line(running: Run, start: Starter) -> None:
    second = start(port=running.port)

    assert second.ends(within=15) == 2
    assert second.output == (
        f"Port {running.port} is in use by another program. Stop that, or choose another port with PORT.\n"
    )


@pytest.mark.parametrize("name", ORDER)
def test_a_child_that_is_killed_comes_back(running: Run, name: str) -> None:
    killed = running.children[name]

    os.kill(killed, signal.SIGKILL)

    wait_until(lambda: running.children.get(name, killed) != killed, f"{name} is back", seconds=30, every=0.1)
    assert f"The {name} was ended by SIGKILL; starting it again in " in running.output
    wait_until(running.is_ready, "ready again", seconds=30, every=0.1)
    running.done(running.approve(f"hills after the death of the {name}"))


@pytest.mark.parametrize(
    ("env", "line"),
    [
        ({"DAILY_BUDGET_USD": "much"}, r"DAILY_BUDGET_USD is wrong: .*"),
        ({"PORT": "0"}, r"PORT is wrong: .*"),
        ({"HOST": "192.0.2.1"}, r"HOST or PORT is wrong: .*"),
        ({"DATA_DIR": "/proc/data"}, r"DATA_DIR is wrong: .*"),
        ({"R2_ACCESS_KEY_ID": "key"}, r"Set R2_ENDPOINT_URL or R2_ACCOUNT_ID, R2_SECRET_ACCESS_KEY, CDN_BASE_URL.*"),
    ],
)
def test_a_wrong_setting_is_one_line(start: Starter, env: dict[str, str], line: str) -> None:
    refused = start(**env)

    assert refused.ends(within=15) == 2
    assert re.fullmatch(line + r"\n", refused.output)


def test_a_configured_database_that_is_not_there_is_one_line_and_nothing_is_started(start: Starter) -> None:
    refused = start(MONGODB_URI=f"mongodb://127.0.0.1:{_free_port()}/?replicaSet=nobody")

    assert refused.ends(within=30) == 2
    assert re.fullmatch(r"MONGODB_URI: no primary answers .*\n", refused.output)


def test_a_standalone_database_is_one_line(start: Starter, standalone: Part) -> None:
    refused = start(**standalone.provides)

    assert refused.ends(within=30) == 2
    assert refused.output == "MONGODB_URI names a standalone server; transactions need a replica set.\n"


def test_a_runner_alone_uses_no_embedded_part(tmp_path: Path, bucket_server: Part, standalone: Part) -> None:
    for env, reason in (
        ({}, "Set MONGODB_URI; or start everything on this machine with `make run`."),
        (standalone.provides, "Set R2_ENDPOINT_URL or R2_ACCOUNT_ID, R2_ACCESS_KEY_ID, R2_SECRET_ACCESS_KEY, CDN_BASE"),
        ({**standalone.provides, **bucket_server.provides}, "Set APPROVAL_KEYS: a secret of 32 random characters"),
        (
            {**standalone.provides, **bucket_server.provides, "APPROVAL_KEYS": APPROVAL_KEY},
            "MONGODB_URI names a standalone server;",
        ),
    ):
        runner = subprocess.run(
            [sys.executable, "-m", "imagegeneration.runner"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), **env},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert runner.returncode == 2
        assert runner.stderr.startswith(f"The runner cannot start: {reason}")
        assert (runner.stdout + runner.stderr).count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "what"),
    [
        (["streamlit", "run", str(ROOT / "app.py"), "--server.port", "0"], "dashboard"),
        (["uvicorn", "app:app", "--app-dir", str(ROOT), "--port", "0"], "dashboard"),
        (["uvicorn", "--factory", "imagegeneration.api.app:create_api"], "API"),
    ],
)
def test_dashboard_and_api_alone_say_in_one_line_what_is_missing(tmp_path: Path, command: list[str], what: str) -> None:
    alone = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert alone.returncode != 0
    assert f"The {what} cannot start: Set MONGODB_URI" in alone.stderr
    assert "Traceback" not in alone.stdout + alone.stderr


def test_what_is_configured_is_used_and_not_embedded(
    start: Starter, mongod: Part, bucket_server: Part, sandbox: Sandbox
) -> None:
    elsewhere = {**mongod.provides, **bucket_server.provides, "R2_BUCKET": "images", "OPENAI_BASE_URL": sandbox.url}
    run = start(**elsewhere, MONGODB_DATABASE="test-elsewhere", OPENAI_API_KEY="any")
    bucket_server.prepare(Settings.model_validate({name.lower(): value for name, value in elsewhere.items()}))
    run.wait_until_ready()

    (url,) = run.done(run.approve("hills elsewhere"))

    assert sorted(run.children) == ["dashboard", "runner"]
    assert url.startswith(bucket_server.provides["CDN_BASE_URL"])
    assert [call.prompt for call in sandbox.calls] == ["hills elsewhere"]
    assert "SANDBOX" not in run.output
    assert "cost money" in run.output
    run.process.send_signal(signal.SIGTERM)
    assert run.ends(within=15) == 0


def test_a_stop_finishes_the_call_in_flight_and_a_new_start_finds_everything(
    running: Run, ready: Callable[[], Run]
) -> None:
    first = running.done(running.approve("the first hills"))
    children, calls = running.children, running.data / "sandbox-calls.jsonl"
    job = running.approve("slow hills [sandbox:delay delay=4]")
    wait_until(lambda: "slow hills" in calls.read_text(), "the call is in flight", seconds=30)

    running.process.send_signal(signal.SIGINT)

    assert running.ends(within=20) == 0
    assert re.findall(r"Stopping (\w+)", running.output) == ORDER[::-1]
    assert not any(Path(f"/proc/{pid}").exists() for pid in children.values())
    again = ready()
    assert len(again.done(job)) == 1
    assert calls.read_text().count("slow hills") == 1, "the drained call was not made again"
    assert HTTP.get(first[0]).status_code == 200, "a CDN URL outlives the run that made it"


def test_a_supervisor_that_is_killed_takes_its_children_along_and_can_start_again(
    running: Run, ready: Callable[[], Run]
) -> None:
    children, ports = running.children, (running.data / "ports.json").read_text()

    running.process.kill()
    running.process.wait()

    again = ready()
    assert not any(Path(f"/proc/{pid}").exists() for pid in children.values())
    assert (again.data / "ports.json").read_text() == ports
    assert sorted(again.children) == sorted(ORDER)


def test_an_idle_run_stops_within_15_seconds(running: Run) -> None:
    running.process.send_signal(signal.SIGTERM)

    assert running.ends(within=15) == 0


def test_a_second_signal_stops_at_once(running: Run) -> None:
    running.approve("endless hills [sandbox:delay delay=60]")
    calls = running.data / "sandbox-calls.jsonl"
    wait_until(lambda: "endless hills" in calls.read_text(), "the call is in flight", seconds=30)

    running.process.send_signal(signal.SIGINT)
    wait_until(lambda: "Waiting for runner" in running.output, "the runner drains", seconds=20)
    begun = time.monotonic()
    running.process.send_signal(signal.SIGINT)

    assert running.ends(within=10) == 1
    assert time.monotonic() - begun < 5


def test_a_stop_while_starting(start: Starter) -> None:
    run = start()
    wait_until(lambda: "Starting sandbox" in run.output, "half of it is started", seconds=60)

    run.process.send_signal(signal.SIGTERM)

    assert run.ends(within=15) == 0
    assert re.findall(r"Stopping (\w+)", run.output)[-2:] == ["bucket", "mongod"]
    assert "is ready" not in run.output


def test_a_remembered_port_that_a_stranger_took_is_one_line(start: Starter, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        (tmp_path / "ports.json").write_text(json.dumps({"bucket": port}))
        run = start(data=tmp_path)

        assert run.ends(within=20) == 2
    assert re.fullmatch(rf"Port {port}, which the embedded bucket of .* must keep, is in use\. .*\n", run.output)
