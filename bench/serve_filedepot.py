"""The WSGI application of filedepot's own middleware, for a local storage in $STORAGE."""

import os

from depot.manager import DepotManager


def nothing_else(_environ, start_response):
    start_response("404 Not Found", [("Content-Length", "0")])
    return [b""]


DepotManager.configure("files", {"depot.storage_path": os.environ["STORAGE"]})
application = DepotManager.make_middleware(nothing_else)
