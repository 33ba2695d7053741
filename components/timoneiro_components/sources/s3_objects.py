"""Objects of an S3 store, read in parts: all of them of one version of the object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import BinaryIO

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
)

from ..definition.source import split_address
from ..errors import StepError
from ..s3 import s3_client
from .ranges import in_parts

_REFUSED = "its credentials are not accepted: check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"
_REGION = "its bucket is in another region: set AWS_DEFAULT_REGION"
_CODES: Mapping[str, str] = {
    "NoSuchKey": "it is not there",
    "NoSuchBucket": "there is no such bucket",
    "AccessDenied": "these credentials may not read it",
    "InvalidAccessKeyId": _REFUSED,
    "XAdminUserNotFound": _REFUSED,
    "SignatureDoesNotMatch": _REFUSED,
    "ExpiredToken": _REFUSED,
    "InvalidToken": _REFUSED,
    "RequestTimeTooSkewed": "the clock of this machine is wrong",
    "AuthorizationHeaderMalformed": _REGION,
    "PermanentRedirect": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "PreconditionFailed": "it was changed while it was read: try again when nobody writes it",
    "InvalidObjectState": "it is archived: restore it first",
}


def open_object(address: str) -> BinaryIO:
    """The object at `s3://bucket/key`. Raises StepError if it is not there, or may not be read."""
    _, bucket, key = split_address(address)
    with _sentences(address):
        client = s3_client()
        # HEAD would not say what is wrong: its answer has no body.
        found = client.get_object(Bucket=bucket, Key=key)
        found["Body"].close()
    # Some stores have no tag for what was not written through them.
    version = {"IfMatch": found["ETag"]} if "ETag" in found else {}

    def part(start: int, end: int) -> bytes:
        with _sentences(address):
            answer = client.get_object(Bucket=bucket, Key=key, Range=f"bytes={start}-{end - 1}", **version)
            content: bytes = answer["Body"].read()
            return content

    return in_parts(int(found["ContentLength"]), part)


@contextmanager
def _sentences(address: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        raise StepError(f"{address}: {_CODES.get(code) or f'the store refuses to give it ({code})'}") from None
    except (NoCredentialsError, PartialCredentialsError):
        raise StepError(
            f"{address}: there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or what else "
            "boto3 reads"
        ) from None
    except (EndpointConnectionError, HTTPClientError):
        raise StepError(
            f"{address}: the store cannot be reached: check AWS_ENDPOINT_URL and AWS_DEFAULT_REGION"
        ) from None
    except (BotoCoreError, ValueError) as error:
        raise StepError(
            f"{address}: boto3 cannot read it ({type(error).__name__}): check AWS_ENDPOINT_URL and AWS_DEFAULT_REGION"
        ) from None
