"""Servers and workers as processes of their own, and a worker that a test plays by hand."""

from __future__ import annotations

import ipaddress
import os
import re
import signal
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from galley.runs.model import Run
from tests.cli_cast import OURS
from tests.integration.engine.kit import Works
from tests.warm.interpreter import Begun, interpreter

PATIENCE = 60.0
LEASE = 3.0


def until(condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """Wait for something; its value."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.05)
    return found


def free_port() -> int:
    """A port that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Papers:
    """A certificate of this machine's address, which vouches for itself, and its key."""

    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """Who trusts it."""
        return ssl.create_default_context(cafile=str(self.certificate))


def papers_in(folder: Path) -> Papers:
    """New ones."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "galley")])
    now = datetime.now(UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    found = Papers(folder / "certificate.pem", folder / "key.pem")
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    found.certificate.write_bytes(made.public_bytes(pem))
    found.key.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return found


@dataclass
class Site:
    """One project with its home, and the processes that were started for it."""

    works: Works
    lease: float = LEASE
    processes: list[Begun] = field(default_factory=list)

    def server(
        self, port: int | None = None, *, slots: int = 0, papers: Papers | None = None
    ) -> Begun:
        """A server; ``url_of`` says where."""
        port = port or free_port()
        more = ["--port", str(port), "--lease", str(self.lease), "--slots", str(slots)]
        if papers is not None:
            more += ["--tls-cert", str(papers.certificate), "--tls-key", str(papers.key)]
        process = self._start("server", "--no-api", *more)
        scheme = "http" if papers is None else "https"
        process.url = f"{scheme}://127.0.0.1:{port}"  # type: ignore[attr-defined]
        trusted = papers.context() if papers is not None else False
        until(lambda: self._ready(url_of(process), trusted), "a server that is ready")
        return process

    def worker(
        self, *urls: str, slots: int = 1, drain: float = 30, authority: Path | None = None
    ) -> Begun:
        """A worker for these servers."""
        number = len(self.processes)
        servers = [part for url in urls for part in ("--server", url)]
        folder = str(self.works.root / f"worker{number}")
        more = ["--slots", str(slots), "--drain-timeout", str(drain), "--folder", folder]
        if authority is not None:
            more += ["--tls-ca", str(authority)]
        return self._start("worker", *servers, *more)

    def wait(self, run: Run, seconds: float = PATIENCE) -> Run:
        """The run once it has ended."""
        until(lambda: self.works.get(run).state.terminal, "the end of the run", seconds)
        return self.works.get(run)

    def running(self, run: Run, step: str) -> dict[str, Any]:
        """The attempt of a step whose code says that it has begun."""
        mark = self.works.root / f"{step}.begun"
        until(mark.exists, f"{step} to begin")
        return self.works.attempts(run)[-1]

    def close(self) -> None:
        """End everything."""
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait(10)

    def _start(self, *command: str) -> Begun:
        environ = {**os.environ, "GALLEY_HOME": str(self.works.root / "home")}
        if self.works.url and command[0] == "server":
            environ["GALLEY_DATABASE"] = self.works.url
        else:
            environ.pop("GALLEY_DATABASE", None)
        name = f"{len(self.processes)}-{command[0]}"
        with (
            (self.works.root / f"{name}.out").open("w") as out,
            (self.works.root / f"{name}.log").open("w") as err,
        ):
            process = interpreter(OURS).start(
                ["-m", "galley", *command], Path.cwd(), environ, out.fileno(), err.fileno()
            )
        self.processes.append(process)
        return process

    @staticmethod
    def _ready(url: str, trusted: ssl.SSLContext | bool) -> bool:
        try:
            return httpx.get(f"{url}/ready", verify=trusted).status_code == 200
        except httpx.TransportError:
            return False


def url_of(server: Begun) -> str:
    """Where a server answers."""
    return str(server.url)  # type: ignore[attr-defined]


def kill(process: Begun) -> None:
    """SIGKILL, and its end."""
    process.send_signal(signal.SIGKILL)
    process.wait(10)


def said(works: Works) -> str:
    """Everything that the processes logged."""
    return "\n".join(path.read_text() for path in sorted(works.root.glob("*.log")))


@dataclass
class Hand:
    """A worker that a test plays: it says what the test wants, when it wants."""

    url: str
    token: str = ""
    session: str = ""

    def __post_init__(self) -> None:
        self.client = httpx.Client(base_url=self.url, timeout=40, verify=False)

    def register(self, token: str | None = None, **told: Any) -> httpx.Response:
        from galley.version import VERSION

        body = {"version": VERSION, "host": "elsewhere", "pid": 1, "capacity": 1, **told}
        shown = {"authorization": f"Bearer {token}"} if token else {}
        answer = self.client.post("/execution/sessions", json=body, headers=shown)
        if answer.status_code == 201:
            self.token, self.session = answer.json()["token"], answer.json()["session"]
        return answer

    def post(self, path: str, body: Any, token: str | None = None) -> httpx.Response:
        shown = {"authorization": f"Bearer {token or self.token}"}
        return self.client.post(f"/execution/{path}", json=body, headers=shown)

    def claim(self, *has: str, wait: float = 15) -> dict[str, Any]:
        """The next task."""
        answer = self.post("claims", {"capacity": 1, "has": has, "wait": wait})
        assert answer.status_code == 200, answer.text
        (task,) = answer.json()["tasks"]
        return dict(task)

    def beat(self, *running: str) -> httpx.Response:
        return self.post("beats", {"running": running})

    def final(self, task: dict[str, Any], payload: str, **more: Any) -> httpx.Response:
        body = {"token": task["token"], "kind": "final", "payload": payload, **more}
        return self.post("final", body)

    def do(self, task: dict[str, Any]) -> str:
        """Do a task as a worker does, in this process; its answer."""
        from galley import worker_entry
        from galley.quality import handler as tests

        def ask(question: bytes) -> bytes:
            body = {"token": task["token"], "payload": question.decode()}
            answer = self.post("fields", body)
            assert answer.status_code == 200, answer.text
            return str(answer.json()["payload"]).encode()

        payload = task["payload"].encode()
        is_step = re.match(r'\{"kind":"step"', task["payload"]) is not None
        done = worker_entry.run_step(payload, ask) if is_step else tests.handle(payload, ask)
        return done.decode()
