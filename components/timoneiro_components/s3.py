"""The S3 client of this project: where it is and who asks come from the usual environment.

That is AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_DEFAULT_REGION, or whatever else boto3 reads.
"""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config


def s3_client() -> Any:
    """A client whose connection is made on first use. Raises botocore's errors for an environment that it refuses."""
    config = Config(
        connect_timeout=10,
        read_timeout=60,
        retries={"max_attempts": 3, "mode": "standard"},
        # Checksums in trailers are refused by many stores that are not Amazon's.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    # A session of its own: the one that boto3 shares keeps the credentials that it saw first.
    return boto3.Session().client("s3", config=config)
