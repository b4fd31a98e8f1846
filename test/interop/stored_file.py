"""What the Python side reads of one stored file."""
import hashlib
from datetime import timezone

from kotti.filedepot import DBStoredFile


def describe(stored):
    """Metadata, length and hash of what `depot.get(id)` returned; last_modified in UTC, whole seconds.

    Where reading fails, `read_error` is the name of the error.
    """
    return {
        "filename": stored.filename,
        "content_type": stored.content_type,
        "content_length": stored.content_length,
        "last_modified": instant(stored),
        "public_url": stored.public_url,
        **describe_content(stored),
    }


def describe_content(stored):
    try:
        data = stored.read()
    except Exception as error:  # of any client
        return {"read_error": type(error).__name__}
    return {"length": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def instant(stored):
    moment = stored.last_modified
    if moment is None:
        return None
    # Kotti's table holds the local time of the process, every other storage UTC; both without a zone.
    if isinstance(stored, DBStoredFile):
        moment = moment.astimezone(timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
