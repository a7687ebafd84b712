"""The zygote: imports the heavy libraries once, then forks workers that have them from birth.

It runs no code of a project and starts no Python threads, so a fork is safe (libraries see to
their own threads). Workers are forked twice: the supervisor, which adopts orphans, becomes their
parent and learns how each of them ended.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import socket
import struct
import sys
import threading
import traceback
from typing import Any, Never

from galley import faults
from galley.runs import processes
from galley.runs.framing import encode
from galley.runs.worker import Birth, Handlers, live

REQUEST = struct.Struct(">I")
"""A wish for one worker: its number, with its channel, stdout and stderr as descriptors."""


def main() -> None:
    """Entry point of the process: settings in the first argument, the supervisor at ``CHANNEL``."""
    channel = processes.adopt_channel()
    supervisor = os.getppid()
    processes.signal_on_parents_death(signal.SIGKILL)
    settings: dict[str, Any] = json.loads(sys.argv[1])
    handlers = _prepare(channel, settings)
    if handlers is not None:
        _serve(channel, handlers, supervisor, settings["scratch"])


def _prepare(channel: socket.socket, settings: dict[str, Any]) -> Handlers | None:
    """Import everything; a failure is told to the supervisor."""
    # What is imported stays for ever. The collector looks at it neither now (80 ms) nor in the
    # workers, where touching means copying; and it frees nothing, which would leave holes to copy.
    gc.disable()
    try:
        for name in settings["preload"]:
            importlib.import_module(name)
        module, _, function = settings["entry"].partition(":")
        handlers: Handlers = getattr(importlib.import_module(module), function)()
    except Exception:  # noqa: BLE001 - told to the supervisor
        detail = f"the worker could not be prepared:\n{traceback.format_exc()}"
        channel.sendall(encode({"k": "failed", "detail": detail}))
        return None
    gc.freeze()
    gc.enable()
    others = [thread.name for thread in threading.enumerate()[1:]]
    channel.sendall(encode({"k": "ready", "threads": others}))
    return handlers


def _serve(channel: socket.socket, handlers: Handlers, supervisor: int, scratch: str) -> None:
    """Fork a worker for every wish, until the supervisor is gone."""
    flags = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
    while True:
        data, descriptors, *_ = socket.recv_fds(channel, REQUEST.size, 3, flags)
        if not data:
            return
        (number,) = REQUEST.unpack(data)
        birth = Birth(supervisor, f"{scratch}/{number}", *descriptors)
        sys.stdout.flush()
        sys.stderr.flush()
        _fork(channel, handlers, birth)
        faults.point("zygote.forked")
        for descriptor in descriptors:
            os.close(descriptor)


def _fork(channel: socket.socket, handlers: Handlers, birth: Birth) -> None:
    child = os.fork()
    if child:
        os.waitpid(child, 0)
    elif os.fork():
        os._exit(0)
    else:
        channel.close()
        _be_worker(handlers, birth)


def _be_worker(handlers: Handlers, birth: Birth) -> Never:
    """Nothing of the zygote may run in a worker, whatever happens there."""
    log = os.dup(2)
    try:
        live(handlers, birth)
    except BaseException:  # noqa: BLE001 - logged; the process ends
        os.write(log, traceback.format_exc().encode())
        os._exit(70)
    os._exit(0)
