"""A command of the warm interpreter is what a new process would be, but for the time it takes."""

import json
import os
import resource
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli_cast import OURS, cold, shop
from tests.warm.interpreter import interpreter

ITSELF = """
import json, os, resource, signal, sys, threading, time

shown = signal.pthread_sigmask(signal.SIG_BLOCK, [])
print(json.dumps({
    "open": [os.readlink(f"/proc/self/fd/{n}").partition(":")[0] for n in range(3)],
    "others open": [n for n in range(3, 64) if os.path.exists(f"/proc/self/fd/{n}")],
    "folder": os.getcwd(),
    "environment": dict(os.environ),
    "zone": time.tzname,
    "arguments": sys.argv,
    "path": sys.path,
    "flags": str(sys.flags),
    "streams": [(s.encoding, s.errors, s.line_buffering, s.fileno()) for s in
                (sys.stdin, sys.stdout, sys.stderr)],
    "program": [__name__, sys.modules["__main__"].__dict__ is globals()],
    "signals": [str(signal.getsignal(n)) for n in sorted(signal.valid_signals())],
    "blocked": sorted(shown),
    "wakes": signal.set_wakeup_fd(-1),
    "group": [os.getpgrp(), os.getsid(0)],
    "mask": os.umask(0),
    "limits": [resource.getrlimit(n) for n in range(16)],
    "threads": [threading.active_count(), len(os.listdir("/proc/self/task"))],
}, default=str))
print("to the other", file=sys.stderr)
sys.exit(7)
"""


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="a process is looked into there")
def test_a_process_is_the_same(tmp_path: Path) -> None:
    environ = dict(os.environ) | {"TZ": "Asia/Tokyo", "ONLY": "here"}
    del environ["GALLEY_CONTEXT"]
    asked = (["-c", ITSELF, "first", "--second"], tmp_path, environ, 30)
    interpreter(OURS)
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files - 1, most))
    usual = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGUSR1)}
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        warm, new = interpreter(OURS).run(*asked), cold(*asked)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, most))
        for number, handler in usual.items():
            signal.signal(number, handler)
    assert [files - 1, most] in json.loads(warm.stdout)["limits"]
    assert json.loads(warm.stdout) == json.loads(new.stdout)
    assert (warm.returncode, warm.stderr) == (new.returncode, new.stderr) == (7, "to the other\n")


def test_commands_say_the_same(tmp_path: Path) -> None:
    """What succeeds, fails at work, fails at once, is misused, or is told by variables."""
    commands: list[tuple[tuple[str, ...], dict[str, str]]] = [
        (("check", "--json"), {}),
        (("check", "--help"), {"COLUMNS": "60"}),
        (("preview", "broken"), {}),
        (("run", "nothing"), {}),
        (("tables", "--ref"), {}),
        (("tabels",), {"NO_COLOR": "1"}),
        (("plan",), {"GALLEY_REF": "no/such"}),
    ]
    said = []
    for kind in (True, False):
        ana = replace(shop(tmp_path), cold=kind)
        ana.write("pipelines/shop/broken.sql", "SELECT 1 / 'x'\n")
        said.append([ana.galley(*line, expect=None, **more) for line, more in commands])
        ana.folder.rename(tmp_path / str(kind))
    assert said[0] == said[1]
    assert {ran.status for ran in said[0]} == {0, 1, 2}


def test_a_signal_ends_it_as_it_would_a_new_one(tmp_path: Path) -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    done = interpreter(OURS).run(["-c", code], tmp_path, dict(os.environ), 30)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGKILL, "", "")


def test_it_is_killed_in_time(tmp_path: Path) -> None:
    code = "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(60)"
    began = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        interpreter(OURS).run(["-c", code], tmp_path, dict(os.environ), 1)
    pid = int((tmp_path / "pid").read_text())
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < began + 30
        time.sleep(0.01)
