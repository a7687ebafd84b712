"""What each call of the execution API does. Knows nothing of HTTP; the engine alone moves runs."""

from __future__ import annotations

import hmac
import os
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

from sqlalchemy import Connection

from galley.errors import (
    ConflictError,
    GalleyError,
    GoneError,
    InternalError,
    LostLeaseError,
    RefusedError,
    TooLargeError,
    UnauthorizedError,
    UnavailableError,
    UsageError,
    VersionMismatchError,
)
from galley.ids import new_id
from galley.lake import field_ids
from galley.runs import credentials, logfiles, messages, records, sessions
from galley.runs.hub import Hub
from galley.runs.live import Site
from galley.runs.model import Reason
from galley.runs.pool import PoolEvent, Submission
from galley.runs.protocol import FieldsReply, FieldsRequest
from galley.runs.records import Standing
from galley.runs.sessions import Session, SessionKind
from galley.server import wire
from galley.server.tokens import Signer, TaskClaim
from galley.version import VERSION

TAKEN_AWAY = frozenset({"lost_worker", "handed_over", "cancelled", "lost"})
"""Ends of attempts that were not of their own making."""

GOODBYE = 10.0
"""Seconds that an engine has to take back what a worker leaves."""

STREAMS = frozenset({"out", "err"})


class Desk:
    """Serves the workers of one controller. ``join`` is the token given by the environment.

    ``guarded`` demands a token to join even if none was ever made.
    """

    def __init__(self, site: Site, hub: Hub, signer: Signer, join: str | None, guarded: bool):
        self.site = site
        self.hub = hub
        self.signer = signer
        self._join = join
        self._guarded = guarded

    # Sessions

    def register(self, token: str | None, told: wire.Registration) -> wire.Registered:
        """Open a session for a worker.

        Raises:
            UnauthorizedError: it showed no token with which workers may join.
            VersionMismatchError: it is of another version.
        """
        now = self.site.clock()
        id = new_id()
        with self.site.database.write() as connection:
            self._demand_join(connection, token)
            _demand_version(told.version)
            sessions.open_session(connection, _session(id, told, self.site.lease, now))
        self.hub.counter.admit(id, told.labels)
        lease = self.site.lease / 1_000_000
        return wire.Registered(session=id, token=self.signer.session_token(id), lease=lease)

    def admit(self, session: str) -> None:
        """A session of this database calls here for the first time. Raises GoneError."""
        with self.site.database.read() as connection:
            found = sessions.find_session(connection, session)
        if found is None or found.ended is not None:
            raise GoneError("the session is over", hint="register the worker anew")
        if found.lease < self.site.lease:
            with self.site.database.write() as connection:
                sessions.lengthen(connection, session, self.site.lease)
        self.hub.counter.admit(session, found.labels or ())

    def end(self, session: str) -> None:
        """The worker goes. What it has not answered is given back."""
        # Without an engine here it is reaped instead.
        with suppress(UnavailableError, TimeoutError):
            self.wait(self.hub.counter.leave(session))
        with self.site.database.write() as connection:
            sessions.end_session(connection, session, self.site.clock())

    def wait(self, told: Future[None]) -> None:
        """Until the engine has acted upon what it was told. Raises TimeoutError."""
        told.result(GOODBYE)

    def _demand_join(self, connection: Connection, token: str | None) -> None:
        if token and self._join and hmac.compare_digest(token.encode(), self._join.encode()):
            return
        if token and credentials.may_join(connection, token):
            return
        if self._guarded or token or self._join or credentials.any_join_token(connection):
            said = "the worker's token is not known here" if token else "a worker needs a token"
            raise UnauthorizedError(said, hint="`galley server token` makes one, on the server")

    # Tasks

    def task(self, session: str, offer: Submission) -> wire.Task:
        """A task as the worker of a session gets it."""
        ref = offer.post.ref if offer.post else ""
        claim = TaskClaim(offer.id, session, ref, offer.log)
        return wire.Task(
            id=offer.id,
            token=self.signer.task_token(claim),
            payload=offer.payload.decode(),
            code=offer.code,
            log=offer.log,
            secrets=offer.secrets,
            timeout=offer.timeout,
            memory=offer.memory,
        )

    def claim(self, session: str, token: str) -> TaskClaim:
        """The task that a session speaks of.

        Raises:
            UnauthorizedError: the token is not valid.
            RefusedError: the task was given to another session.
        """
        claim = self.signer.task_of(token)
        if claim.session != session:
            raise RefusedError(f"task {claim.task} was given to another worker")
        return claim

    def report(self, answers: Sequence[tuple[TaskClaim, wire.Answer]]) -> Future[None]:
        """Tell the engine; the future is done once it has recorded what was told."""
        return self.hub.counter.report([_event(claim, answer) for claim, answer in answers])

    def outcomes(self, answers: Sequence[tuple[TaskClaim, wire.Answer]]) -> list[wire.Outcome]:
        """What is recorded of the tasks now; the same however often it is asked."""
        ids = {claim.task for claim, _ in answers if claim.ref}
        with self.site.database.read() as connection:
            found = records.standing(connection, ids) if ids else {}
        return [self._outcome(claim, answer, found.get(claim.task)) for claim, answer in answers]

    def _outcome(
        self, claim: TaskClaim, answer: wire.Answer, found: Standing | None
    ) -> wire.Outcome:
        if not claim.ref:
            taken = answer.kind == "started" or self.hub.counter.ended(claim.task)
            return wire.Outcome(status=200) if taken else _refused(_over(claim.task))
        if found is None:
            return _refused(_over(claim.task))
        if found.end is None:
            if answer.kind == "started" and not found.passed:
                return wire.Outcome(status=200)
            return _refused(UnavailableError(f"{claim.ref} cannot be recorded yet; try again"))
        moot = answer.kind in ("exited", "returned")
        if moot or (answer.kind == "final" and found.end not in TAKEN_AWAY):
            return wire.Outcome(status=200, end=found.end)
        return _refused(_lost(claim, found))

    def fields(self, claim: TaskClaim, question: wire.Question) -> wire.Reply:
        """Field ids for the columns that an attempt makes; the same ones if asked again.

        Raises:
            LostLeaseError: the attempt's step is somebody else's by now.
            GoneError: the attempt is over.
        """
        try:
            asked = messages.decode_answer(question.payload.encode())
        except InternalError as error:
            raise UsageError(error.message) from error
        if not isinstance(asked, FieldsRequest):
            raise UsageError("that is no question for field ids")
        with self.site.database.write() as connection:
            found = records.standing(connection, [claim.task]).get(claim.task)
            if found is None:
                raise _over(claim.task)
            if not found.held_by(claim.session):
                raise _lost(claim, found)
            ids = field_ids.allocate(connection, asked.table_id, asked.keys, asked.at_least)
        return wire.Reply(payload=messages.encode(FieldsReply("fields", ids)).decode())

    def beat(self, session: str, told: wire.Beat) -> wire.Beaten:
        """Note that a session lives; tell which of its tasks are no longer its own."""
        with self.site.database.read() as connection:
            open_still = sessions.find_session(connection, session)
            found = records.standing(connection, told.running) if told.running else {}
        if open_still is None or open_still.ended is not None:
            self.hub.dismiss([session])
            raise GoneError("the session is over", hint="register the worker anew")
        held = {id: one.step_run for id, one in found.items() if one.held_by(session)}
        self.hub.counter.hear(session, held.values())
        lost = [
            id for id in told.running if id not in held and not self.hub.counter.holds(session, id)
        ]
        return wire.Beaten(lost=tuple(lost))

    # Files

    def code(self, definition: str) -> bytes:
        """The packed files of a project version. Raises NotFoundError."""
        with self.site.database.read() as connection:
            return records.archive_of(connection, definition)

    def keep_log(self, claim: TaskClaim, stream: str, offset: int, data: bytes) -> wire.Kept:
        """Write output at its place in the log of a task; again is the same.

        Raises:
            ConflictError: bytes before it are missing; ``details`` has the present size.
            TooLargeError: a log is not kept beyond its limit.
        """
        if stream not in STREAMS or offset < 0:
            raise UsageError("output has a stream (out or err) and an offset")
        if offset + len(data) > logfiles.LIMIT + wire.SMALL:
            raise TooLargeError(f"a log is kept up to {logfiles.LIMIT:,} bytes")
        path = Path(self.site.logs, f"{claim.log}.{stream}")
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            size = os.fstat(handle).st_size
            if offset > size:
                raise ConflictError(f"the log has {size} bytes only", details={"size": size})
            end = offset + len(data)
            while offset < end:
                # On a disk that fills up less is written than was asked for; the rest then fails.
                offset += os.pwrite(handle, data[offset - end :], offset)
            return wire.Kept(size=max(size, end))
        finally:
            os.close(handle)


def _session(id: str, told: wire.Registration, lease: int, now: int) -> Session:
    return Session(
        id=id,
        kind=SessionKind.WORKER,
        host=told.host,
        pid=told.pid,
        pid_started=told.pid_started,
        boot_id=told.boot_id,
        capacity=told.capacity,
        labels=told.labels,
        version=told.version,
        lease=lease,
        started=now,
        beat=now,
    )


def _demand_version(theirs: str) -> None:
    if theirs != VERSION:
        raise VersionMismatchError(
            f"the worker is Galley {theirs}, the server is Galley {VERSION}",
            hint=f"install galley-dataops=={VERSION} where the worker runs",
            details={"server": VERSION, "worker": theirs},
        )


def _event(claim: TaskClaim, answer: wire.Answer) -> PoolEvent:
    final = answer.kind == "final"
    try:
        reason = Reason(answer.reason) if answer.reason else None
    except ValueError as error:
        raise UsageError(f"{answer.reason!r} is no reason for an end") from error
    return PoolEvent(
        "message" if answer.kind == "final" else answer.kind,
        claim.task,
        payload=answer.payload.encode() if final else None,
        pid=answer.pid,
        pid_started=answer.pid_started,
        boot_id=answer.boot_id,
        reason=reason,
        detail=answer.detail,
        returncode=answer.returncode,
        final=final,
    )


def _over(task: str) -> GoneError:
    return GoneError(f"nothing is known of task {task} any more; what it did does not count")


def _lost(claim: TaskClaim, found: Standing) -> GalleyError:
    if found.passed or found.end is None:
        said = f"{claim.ref} no longer holds its step; what it did does not count"
        return LostLeaseError(said, details={"end": found.end})
    return GoneError(
        f"{claim.ref} is over ({found.end}); what it did does not count",
        details={"end": found.end},
    )


def _refused(error: GalleyError) -> wire.Outcome:
    end = error.details.get("end")
    return wire.Outcome(status=error.status, end=end, code=error.code, message=error.message)
