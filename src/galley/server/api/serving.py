"""Serving the REST API over HTTP."""

from __future__ import annotations

import socket

import uvicorn
from fastapi import FastAPI


class ApiServer(uvicorn.Server):
    """Lets the streams end by themselves when it stops; else they are waited for and cut off."""

    def __init__(self, app: FastAPI, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more calls, and end those that would go on for ever."""
        self._app.state.closing.set()
        await super().shutdown(sockets)
