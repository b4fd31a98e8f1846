"""Copies every blob of a Kotti database into local files: filedepot.py DATABASE DIRECTORY"""

import sqlite3
import sys

from depot.io.local import LocalFileStorage

database, directory = sys.argv[1:]
storage = LocalFileStorage(directory)
query = "SELECT data, filename, content_type FROM blobs"
for data, filename, content_type in sqlite3.connect(database).execute(query):
    storage.create(data, filename, content_type)
