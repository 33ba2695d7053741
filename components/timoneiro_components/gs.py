"""The client of Google Cloud Storage, and its errors in words.

Credentials are those that Google's libraries find by themselves: GOOGLE_APPLICATION_CREDENTIALS names a file of them.
STORAGE_EMULATOR_HOST is the address of another store that speaks the same protocol, and asks for none.
"""

from __future__ import annotations

from google.api_core.exceptions import Forbidden, GoogleAPICallError, NotFound, RetryError, Unauthorized
from google.auth.exceptions import GoogleAuthError
from google.cloud import storage

# Those of requests are OSErrors.
GOOGLE_ERRORS = (GoogleAPICallError, GoogleAuthError, RetryError, OSError, ValueError)


def gs_client() -> storage.Client:
    """A client whose connection is made on first use. Raises one of GOOGLE_ERRORS where there are no credentials."""
    # Objects belong to buckets. Of a project it would have to be found out which, and credentials need not name one.
    return storage.Client(project=None)


def reason_of(error: Exception, *, missing: str, forbidden: str, refused: str) -> str:
    """Why, of one of GOOGLE_ERRORS. What Google says is not told: it has names of people in it.

    `missing`, `forbidden` and `refused`: what it means that something is not there, may not be done, or is refused
    for any other reason.
    """
    if isinstance(error, NotFound):
        return missing
    if isinstance(error, Forbidden):
        return forbidden
    if isinstance(error, Unauthorized | GoogleAuthError):
        return "there are no credentials, or they are not accepted: check GOOGLE_APPLICATION_CREDENTIALS"
    if isinstance(error, RetryError | OSError):
        return "the store cannot be reached"
    return f"{refused} ({type(error).__name__})"
