"""A stored file as it is in its store, without what is another each time: identifiers and times."""
import hashlib
import json
from datetime import datetime
from pathlib import Path

from bson import json_util
from kotti import DBSession
from kotti.filedepot import DBStoredFile


def raw_object(storage, file_id):
    return readers[type(storage).__module__](storage, file_id)


def masked(timestamp):
    datetime.strptime(timestamp, "%Y-%m-%d %H:%M:%S")
    return "time"


def local_directory(storage, file_id):
    directory = Path(storage.storage_path, file_id)
    metadata = (directory / "metadata.json").read_text("ascii")
    timestamp = json.loads(metadata)["last_modified"]
    return {
        "metadata": metadata.replace(timestamp, masked(timestamp)),
        "entries": sorted(entry.name for entry in directory.iterdir()),
    }


def s3_object(storage, file_id):
    key = storage._bucket_driver.new_key(file_id)
    head = key.meta.client.head_object(Bucket=key.bucket_name, Key=key.key)
    headers = head["ResponseMetadata"]["HTTPHeaders"]
    modified = "x-amz-meta-x-depot-modified"
    # The others are the answer's, not the object's.
    own = ("content-", "cache-control", "expires", "x-amz-meta-", "x-amz-storage-", "x-amz-server-")
    return {
        **{name: value for name, value in headers.items() if name.startswith(own)},
        modified: masked(headers[modified]),
        "grants": [[grant["Grantee"]["Type"], grant["Permission"]] for grant in key.Acl().grants],
    }


def gcs_object(storage, file_id):
    blob = storage.bucket.blob(storage._prefix + file_id)
    blob.reload(projection="full")
    resource = {key: value for key, value in blob._properties.items() if key not in of_one_gcs_object}
    resource["metadata"]["x-depot-modified"] = masked(resource["metadata"]["x-depot-modified"])
    # The emulator forgets the project's owners where an upload says who may read.
    grants = [grant for grant in resource["acl"] if not grant["entity"].startswith("project")]
    resource["acl"] = sorted([grant["entity"], grant["role"]] for grant in grants)
    return resource


of_one_gcs_object = {
    *("name", "id", "etag", "generation", "metageneration", "selfLink", "mediaLink"),
    *("timeCreated", "timeStorageClassUpdated", "updated"),
}


def gridfs_documents(storage, file_id):
    identifier = json_util.ObjectId(file_id)
    document = storage._db[storage._collection].files.find_one({"_id": identifier})
    chunks = storage._db[storage._collection].chunks.find({"files_id": identifier}).sort("n")
    document["last_modified"] = masked(document["last_modified"])
    return {
        "file": {**canonical(document), "_id": "id", "uploadDate": type(document["uploadDate"]).__name__},
        "chunks": [gridfs_chunk(chunk) for chunk in chunks],
    }


def gridfs_chunk(chunk):
    types = {key: type(value).__name__ for key, value in chunk.items()}
    return {**types, "n": canonical(chunk["n"]), "data": digest(chunk["data"])}


def canonical(value):
    """MongoDB's value as JSON that keeps its types, such as the widths of integers."""
    return json.loads(json_util.dumps(value, json_options=json_util.CANONICAL_JSON_OPTIONS))


def blobs_row(storage, file_id):
    columns = [column for column in DBStoredFile.__table__.columns if column.name != "id"]
    [row] = DBSession.query(*columns).filter_by(file_id=file_id)
    return {
        **row._mapping,
        "file_id": "id",
        "last_modified": type(row.last_modified).__name__,
        "data": digest(row.data),
    }


def digest(data):
    return hashlib.sha256(data).hexdigest()


readers = {
    "depot.io.local": local_directory,
    "depot.io.boto3": s3_object,
    "depot.io.gcs": gcs_object,
    "depot.io.gridfs": gridfs_documents,
    "kotti.filedepot": blobs_row,
}
