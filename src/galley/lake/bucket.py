"""Requests to an object store that speaks S3, with its failures as ``OSError``.

Throttling, timeouts and failures of the server are tried again with growing waits before they
count. A client belongs to the process that made it: it does not survive a fork.
"""

from __future__ import annotations

import errno
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from galley.errors import MissingExtraError
from galley.lake.files import Access, Found

if TYPE_CHECKING:
    from botocore.client import BaseClient

SCHEME = "s3://"
ATTEMPTS = 5
"""How often a request is made before its failure counts; waits double from about a second."""

CONNECTIONS = 16
_CONNECT_SECONDS, _READ_SECONDS = 5, 60
_KEYS_AT_ONCE = 1000
_NUMBERS = {
    "AccessDenied": errno.EACCES,
    "InvalidAccessKeyId": errno.EACCES,
    "SignatureDoesNotMatch": errno.EACCES,
    "ExpiredToken": errno.EACCES,
    "InvalidToken": errno.EACCES,
    "RequestTimeTooSkewed": errno.EACCES,
    "401": errno.EACCES,
    "403": errno.EACCES,
    "NoSuchBucket": errno.ENXIO,
    "NoSuchKey": errno.ENOENT,
    "NoSuchUpload": errno.ENOENT,
    "404": errno.ENOENT,
    "SlowDown": errno.EBUSY,
    "Throttling": errno.EBUSY,
    "ThrottlingException": errno.EBUSY,
    "RequestLimitExceeded": errno.EBUSY,
    "TooManyRequests": errno.EBUSY,
    "ServiceUnavailable": errno.EBUSY,
    "429": errno.EBUSY,
    "503": errno.EBUSY,
    "PermanentRedirect": errno.EXDEV,
    "AuthorizationHeaderMalformed": errno.EXDEV,
    "IllegalLocationConstraintException": errno.EXDEV,
    "301": errno.EXDEV,
}
"""The error number for what a store may answer; any other answer is ``EIO``."""


class Bucket:
    """One bucket. Keys have no leading slash; errors name the object's whole address."""

    def __init__(self, name: str, access: Access) -> None:
        self.name = name
        self._client = _client(access)

    def read(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        """An object, or ``length`` bytes of it from ``start``."""
        wanted: dict[str, str] = {}
        if length is not None:
            wanted["Range"] = f"bytes={start}-{start + length - 1}"
        with self._errors(key):
            return self._read(key, wanted)

    def size(self, key: str) -> int:
        """The bytes of an object. Raises ``FileNotFoundError``."""
        with self._errors(key):
            return int(self._call("head_object", Key=key)["ContentLength"])

    def put(self, key: str, content: bytes) -> None:
        """Write a whole object: it is there, durably, when this returns."""
        with self._errors(key):
            self._call("put_object", Key=key, Body=content)

    def begin(self, key: str) -> str:
        """Begin an upload in parts; returns its id."""
        with self._errors(key):
            return str(self._call("create_multipart_upload", Key=key)["UploadId"])

    def part(self, key: str, upload: str, number: int, content: bytes) -> str:
        """Send one part (from 1); returns its tag."""
        with self._errors(key):
            said = self._call(
                "upload_part", Key=key, UploadId=upload, PartNumber=number, Body=content
            )
            return str(said["ETag"])

    def complete(self, key: str, upload: str, tags: Sequence[str], size: int) -> None:
        """Make the parts one object: it is there, durably, when this returns."""
        parts = [{"ETag": tag, "PartNumber": number} for number, tag in enumerate(tags, 1)]
        try:
            with self._errors(key):
                self._call(
                    "complete_multipart_upload",
                    Key=key,
                    UploadId=upload,
                    MultipartUpload={"Parts": parts},
                )
        except FileNotFoundError:
            # The answer to a first try was lost, and the upload is no more: it has become this.
            if self.size(key) != size:
                raise

    def abort(self, key: str, upload: str) -> None:
        """Give up an upload, and what was stored of it."""
        with self._errors(key):
            self._call("abort_multipart_upload", Key=key, UploadId=upload)

    def remove(self, keys: Sequence[str]) -> None:
        """Remove objects; one that is not there is fine."""
        for at in range(0, len(keys), _KEYS_AT_ONCE):
            some = [{"Key": key} for key in keys[at : at + _KEYS_AT_ONCE]]
            with self._errors(keys[at]):
                said = self._call("delete_objects", Delete={"Objects": some, "Quiet": True})
            for problem in said.get("Errors", ()):
                raise _said(problem["Code"], problem.get("Message", ""), self._at(problem["Key"]))

    def listing(self, prefix: str) -> Iterator[Found]:
        """Every object whose key begins so; the path is the key."""
        with self._errors(prefix):
            for page in self._pages("list_objects_v2", prefix):
                for one in page.get("Contents", ()):
                    yield Found(one["Key"], one["Size"], one["LastModified"].timestamp())

    def uploads(self, prefix: str) -> Iterator[tuple[str, str, float]]:
        """Key, id and beginning (seconds since 1970) of uploads that were not ended."""
        with self._errors(prefix):
            for page in self._pages("list_multipart_uploads", prefix):
                for one in page.get("Uploads", ()):
                    yield one["Key"], one["UploadId"], one["Initiated"].timestamp()

    def _read(self, key: str, wanted: dict[str, str]) -> bytes:
        """The client tries a request again; an answer that breaks off is for us to ask for anew."""
        from botocore import exceptions as said

        for attempt in range(1, ATTEMPTS):
            try:
                return bytes(self._call("get_object", Key=key, **wanted)["Body"].read())
            except (said.IncompleteReadError, said.ResponseStreamingError, said.ReadTimeoutError):
                time.sleep(random.uniform(0.1, 0.2) * 2**attempt)  # noqa: S311
        return bytes(self._call("get_object", Key=key, **wanted)["Body"].read())

    def _call(self, operation: str, **arguments: Any) -> Any:
        return getattr(self._client, operation)(Bucket=self.name, **arguments)

    def _pages(self, operation: str, prefix: str) -> Iterator[Any]:
        paginator = self._client.get_paginator(operation)
        yield from paginator.paginate(Bucket=self.name, Prefix=prefix)

    def _at(self, key: str) -> str:
        return f"{SCHEME}{self.name}/{key}"

    @contextmanager
    def _errors(self, key: str) -> Iterator[None]:
        from botocore import exceptions as said

        try:
            yield
        except said.ClientError as error:
            told = error.response.get("Error", {})
            raise _said(told.get("Code", ""), told.get("Message", ""), self._at(key)) from error
        except (said.NoCredentialsError, said.PartialCredentialsError) as error:
            raise OSError(errno.EACCES, "there are no credentials", self._at(key)) from error
        except said.CredentialRetrievalError as error:
            raise OSError(errno.EACCES, _one_line(error), self._at(key)) from error
        except (said.HTTPClientError, said.ConnectionError) as error:
            raise OSError(errno.EHOSTUNREACH, _one_line(error), self._at(key)) from error
        except (said.BotoCoreError, ValueError) as error:
            raise OSError(errno.EINVAL, _one_line(error), self._at(key)) from error


def _said(code: str, message: str, address: str) -> OSError:
    """What the store answered as an error of the operating system."""
    text = f"{code}: {message}" if message and message != code else code
    return OSError(_NUMBERS.get(code, errno.EIO), " ".join(text.split()), address)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _client(access: Access) -> BaseClient:
    try:
        from botocore.config import Config
        from botocore.session import Session
    except ImportError as error:
        raise MissingExtraError(
            "a warehouse in an object store needs botocore, which is not installed",
            hint="pip install 'galley-dataops[s3]'",
        ) from error
    session = Session()
    config = Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        max_pool_connections=CONNECTIONS,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        # Stores that are not Amazon's know buckets by path, and no checksums behind the body.
        s3={"addressing_style": "path"} if access.endpoint else None,
        request_checksum_calculation="when_required" if access.endpoint else None,
        response_checksum_validation="when_required" if access.endpoint else None,
    )
    return session.create_client(
        "s3",
        region_name=access.region or session.get_config_variable("region") or "us-east-1",
        endpoint_url=access.endpoint,
        aws_access_key_id=access.key,
        aws_secret_access_key=access.secret,
        aws_session_token=access.token,
        config=config,
    )
