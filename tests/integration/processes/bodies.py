"""What the workers of these tests run: functions called by name, good and bad."""

import base64
import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Ask = Callable[[bytes], bytes]


def handlers() -> Mapping[str, Callable[[bytes, Ask], bytes]]:
    return {"call": call}


def broken_handlers() -> Mapping[str, Callable[[bytes, Ask], bytes]]:
    raise RuntimeError("no such library")


def call(payload: bytes, ask: Ask) -> bytes:
    task = json.loads(payload)
    body = globals()[task["name"]]
    result = body(ask, **task["args"]) if task["name"] == "question" else body(**task["args"])
    return json.dumps({"result": result}).encode()


def echo(value: Any) -> Any:
    return value


def fail(text: str) -> None:
    raise LookupError(text)


def question(ask: Ask, text: str) -> str:
    return ask(text.encode()).decode()


def pid() -> int:
    return os.getpid()


def leave(how: str) -> None:
    if how == "os._exit":
        os._exit(0)
    if how == "sys.exit":
        sys.exit(3)
    if how == "segfault":
        ctypes.string_at(0)
    os.kill(os.getpid(), signal.Signals[how])


def sleep(seconds: float, stubborn: bool = False) -> None:
    if stubborn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.05)


def write(text: str = "", times: int = 1, stream: int = 1, pause: float = 0.0) -> None:
    for _ in range(times):
        data = text.encode()
        while data:
            data = data[os.write(stream, data) :]
        time.sleep(pause)


def talk(text: str) -> None:
    sys.stdout.write(text)
    sys.stderr.write(f"error: {text}")


def grow(megabytes: int) -> None:
    held = [b"x" * (1 << 20) for _ in range(megabytes)]
    sleep(20)
    del held


def escape(note: str, then: str) -> None:
    """A child that leaves session and group, as a daemon does."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            Path(note).write_text(str(os.getpid()))
            time.sleep(60)
        os._exit(0)
    spawned = subprocess.Popen(["sleep", "60"], start_new_session=True)
    while not Path(note).exists():
        time.sleep(0.005)
    Path(note).with_suffix(".spawned").write_text(str(spawned.pid))
    if then == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if then == "wait":
        sleep(60)


def litter(what: str) -> int:
    if what == "thread":
        threading.Thread(target=time.sleep, args=(30,), daemon=True).start()
    elif what == "child":
        subprocess.Popen(["sleep", "30"])
    elif what == "signal":
        signal.signal(signal.SIGUSR2, lambda *_: None)
    elif what == "state":
        os.environ["LITTER"] = "1"
        Path("litter").write_text("1")
        os.chdir("/")
        sys.path.insert(0, "/litter")
        sys.stdout = None
    return os.getpid()


def state() -> dict[str, Any]:
    return {
        "pid": os.getpid(),
        "environment": sorted(os.environ),
        "folder": [path.name for path in Path().iterdir()],
        "path": sys.path,
        "stdin": sys.stdin.read(),
        "interrupt": signal.getsignal(signal.SIGINT) == signal.SIG_IGN,
    }


def channel_numbers() -> list[int]:
    found = []
    for entry in list(Path("/proc/self/fd").iterdir()):
        if entry.is_symlink() and str(entry.readlink()).startswith("socket:"):
            found.append(int(entry.name))
    return found


def garbage() -> None:
    for number in channel_numbers():
        os.write(number, b"not a frame\n")
    time.sleep(20)


def close_channel() -> None:
    for number in channel_numbers():
        os.close(number)
    time.sleep(20)


def channel_of_child() -> list[str]:
    """The sockets that a subprocess inherits."""
    listing = subprocess.run(["ls", "-l", "/proc/self/fd"], capture_output=True, text=True)
    return [line for line in listing.stdout.splitlines() if "socket:" in line]


def encoded(secret: str, times: int) -> None:
    basic = base64.b64encode(f"user:{secret}".encode()).decode()
    for _ in range(times):
        sys.stdout.write(f"plain {secret} basic {basic}\n")


def import_project(module: str) -> Any:
    return __import__(module).VALUE
