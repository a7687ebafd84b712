"""``galley up`` as a process, and the commands beside it."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.cli_cast import Shell, shop
from tests.integration.server.kit import until


class Up:
    """A server in a project."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        environ = {k: v for k, v in os.environ.items() if not k.startswith("GALLEY_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "galley", "up", "--port", "0", "--slots", "1"],
            cwd=shell.folder,
            env=environ | {"GALLEY_USER": shell.user},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        found = re.search(r"http://\S+", self.process.stdout.readline())
        assert found is not None
        self.url = found[0]
        until(lambda: self.status("/ready") == 200, "an engine")

    def status(self, path: str) -> int:
        try:
            return httpx.get(self.url + path, timeout=30, trust_env=False).status_code
        except httpx.TransportError:
            return 0

    def api(self) -> psutil.Process:
        (found,) = (
            child
            for child in psutil.Process(self.process.pid).children()
            if "galley.server.api.process" in child.cmdline()
        )
        return found

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(20)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    found = Up(shop(tmp_path))
    yield found
    found.stop()


def test_commands_go_on_beside_it_and_nothing_stays_behind(up: Up) -> None:
    done = up.shell.galley("run", "--json").follows("run")
    assert done["state"] == "succeeded"
    listed = httpx.get(f"{up.url}/api/v1/projects/shop/runs", trust_env=False).json()["items"]
    assert [one["run"] for one in listed] == [done["run"]]
    taken = up.shell.galley("up", "--port", up.url.rpartition(":")[2], expect=5)
    assert "cannot listen" in taken.err
    refused = up.shell.galley("up", "--host", "0.0.0.0", "--port", "0", expect=2)
    assert "reached from other machines" in refused.err
    api = up.api()
    api.kill()
    until(lambda: up.status("/health") == 200, "another process for the API")
    second = up.api()
    assert second.pid != api.pid
    os.kill(up.process.pid, signal.SIGKILL)
    until(lambda: not second.is_running() or second.status() == "zombie", "its end with the server")


def test_it_stops_when_it_is_told(up: Up) -> None:
    """Whoever listens hears the end of the stream; a connection that breaks would be an error."""
    api = up.api()
    with httpx.stream("GET", f"{up.url}/api/v1/events", timeout=30, trust_env=False) as events:
        heard = events.iter_lines()
        assert next(heard).startswith("retry")
        up.process.terminate()
        assert list(heard)[-1] == ""
    assert up.process.wait(20) == 0
    assert not api.is_running()
