"""Carries out operations on a site's depots: reads a JSON array a line, and prints a line of results.

Usage: use_storage.py INI
An operation: {"do": "create" | "replace" | "delete" | "get" | "list" | "raw", "storage", "id",
"content" (base64) or "path" of a file, "filename", "content_type"}. `create` and `replace` answer
like `get`, with the id; `list` with the ids.
"""
import base64
import json
import sys

import transaction
from depot.manager import DepotManager
from kotti_site import load_site
from raw_object import raw_object
from stored_file import describe


def carry_out(operation):
    storage = DepotManager.get(operation["storage"])
    file_id = operation.get("id")
    if operation["do"] == "list":
        return {"ids": storage.list()}
    if operation["do"] == "raw":
        return {"id": file_id, "raw": raw_object(storage, file_id)}
    names = operation.get("filename"), operation.get("content_type")
    if operation["do"] == "create":
        file_id = storage.create(content_of(operation), *names)
    elif operation["do"] == "replace":
        storage.replace(file_id, content_of(operation), *names)
    elif operation["do"] == "delete":
        storage.delete(file_id)
    transaction.commit()
    return {"id": file_id, **look_up(storage, file_id)}


def content_of(operation):
    if "path" in operation:
        return open(operation["path"], "rb")
    return base64.b64decode(operation.get("content", ""))


def look_up(storage, file_id):
    try:
        stored = storage.get(file_id)
    except OSError as error:
        # The clients' own errors are subclasses.
        if type(error) is not OSError:
            raise
        return {"error": "no such file"}
    return describe(stored)


load_site(sys.argv[1])
for line in sys.stdin:
    results = [carry_out(operation) for operation in json.loads(line)]
    # Ends the transaction, in which neither lock nor snapshot may outlive the operations.
    transaction.abort()
    print(json.dumps(results), flush=True)
