"""Tokens say who may speak of what; nobody else can make one."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest

from galley.errors import UnauthorizedError
from galley.server.tokens import Signer, TaskClaim

CLAIM = TaskClaim("task1", "session1", "attempt/step1/3", "run1/step.3")


@pytest.fixture
def signer() -> Signer:
    return Signer(b"k" * 32)


def test_any_controller_with_the_key_reads_a_token(signer: Signer) -> None:
    again = Signer(b"k" * 32)
    assert again.task_of(signer.task_token(CLAIM)) == CLAIM
    assert again.session_of(signer.session_token("session1")) == "session1"


def test_a_token_is_for_one_use(signer: Signer) -> None:
    with pytest.raises(UnauthorizedError):
        signer.session_of(signer.task_token(CLAIM))
    with pytest.raises(UnauthorizedError):
        signer.task_of(signer.session_token("session1"))


def test_another_key_s_tokens_are_refused(signer: Signer) -> None:
    with pytest.raises(UnauthorizedError):
        signer.task_of(Signer(b"o" * 32).task_token(CLAIM))


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "é.é.é", "." * 3, "x" * 10_000])
def test_nonsense_is_refused(signer: Signer, token: str) -> None:
    with pytest.raises(UnauthorizedError):
        signer.task_of(token)


def test_a_changed_claim_is_refused(signer: Signer) -> None:
    head, body, sign = signer.task_token(CLAIM).split(".")
    said = json.loads(urlsafe_b64decode(body + "=="))
    other = urlsafe_b64encode(json.dumps({**said, "ses": "session2"}).encode()).decode().rstrip("=")
    with pytest.raises(UnauthorizedError):
        signer.task_of(f"{head}.{other}.{sign}")


def test_an_unsigned_token_is_refused(signer: Signer) -> None:
    _, body, _ = signer.task_token(CLAIM).split(".")
    head = urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    with pytest.raises(UnauthorizedError):
        signer.task_of(f"{head}.{body}.")
