"""Carries out operations on a site's depots and prints their results, both as JSON arrays.

Usage: use_storage.py INI <operations
An operation: {"do": "create" | "replace" | "delete" | "get", "storage", "id", "content" (base64),
"filename", "content_type"}. `create` and `replace` answer like `get`, with the id.
"""
import base64
import json
import sys

import transaction
from depot.manager import DepotManager
from kotti_site import load_site
from stored_file import describe


def carry_out(operation):
    storage = DepotManager.get(operation["storage"])
    file_id = operation.get("id")
    content = base64.b64decode(operation.get("content", ""))
    names = operation.get("filename"), operation.get("content_type")
    if operation["do"] == "create":
        file_id = storage.create(content, *names)
    elif operation["do"] == "replace":
        storage.replace(file_id, content, *names)
    elif operation["do"] == "delete":
        storage.delete(file_id)
    transaction.commit()
    try:
        return {"id": file_id, **describe(storage.get(file_id))}
    except OSError:
        return {"id": file_id, "error": "no such file"}


load_site(sys.argv[1])
json.dump([carry_out(operation) for operation in json.load(sys.stdin)], sys.stdout)
