"""Where servers listen."""

from __future__ import annotations

import ipaddress
import socket

from galley.errors import UnavailableError


def bound(host: str, port: int) -> socket.socket:
    """A bound socket whose connections send at once.

    Without TCP_NODELAY every answer on a kept-alive connection waits for a delayed ACK, 40 ms.

    Raises:
        UnavailableError: the port cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        found.bind((host, port))
    except OSError as error:
        found.close()
        raise UnavailableError(
            f"the server cannot listen on {host} port {port}: {error.strerror}",
            hint="choose another with --port, or stop what uses it",
        ) from error
    return found


def url_of(listening: socket.socket, *, tls: bool) -> str:
    """The address of a bound socket."""
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"http{'s' if tls else ''}://{shown}:{port}"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
