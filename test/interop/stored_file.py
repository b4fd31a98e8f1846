"""What the Python side reads of one stored file."""
import hashlib
from datetime import timezone

from kotti.filedepot import DBStoredFile


def describe(stored):
    """Metadata, length and hash of what `depot.get(id)` returned; last_modified in UTC, whole seconds."""
    data = stored.read()
    return {
        "filename": stored.filename,
        "content_type": stored.content_type,
        "content_length": stored.content_length,
        "last_modified": instant(stored),
        "length": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def instant(stored):
    moment = stored.last_modified
    if moment is None:
        return None
    # Kotti's table holds the local time of the process, every other storage UTC; both without a zone.
    if isinstance(stored, DBStoredFile):
        moment = moment.astimezone(timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
