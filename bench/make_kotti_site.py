"""Fills a Kotti site with File nodes: make_kotti_site.py INI COUNT SIZE

Kotti makes the first one; the others are copies of its rows, each with a blob of its own.
"""

import json
import os
import sys
import uuid

import sqlalchemy as sa
import transaction
from kotti import DBSession, metadata
from kotti.filedepot import DBStoredFile
from kotti.resources import Content, File, Node, get_root
from pyramid.paster import bootstrap

ini, count, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
bootstrap(ini)
get_root()["one"] = File(data=os.urandom(size), filename="one.bin", mimetype="application/octet-stream")
transaction.commit()

connection = DBSession.connection()
blobs = DBStoredFile.__table__
tables = [Node.__table__, Content.__table__, metadata.tables["files"]]
node = connection.execute(sa.select(sa.func.max(tables[0].c.id))).scalar()
firsts = [dict(connection.execute(t.select().where(t.c.id == node)).mappings().one()) for t in tables]
blob = dict(connection.execute(blobs.select()).mappings().one())
reference = json.loads(
    connection.execute(sa.text("SELECT data FROM files")).scalar()
)
for number in range(1, count):
    file_id = str(uuid.uuid1())
    path = f"dbfiles/{file_id}"
    reference.update(file_id=file_id, path=path, files=[path])
    connection.execute(
        blobs.insert(), {**blob, "id": blob["id"] + number, "file_id": file_id, "data": os.urandom(size)}
    )
    changes = {"id": node + number, "name": f"f{number}", "path": f"/f{number}/", "position": number}
    for table, first in zip(tables, firsts):
        own = {**first, **{k: v for k, v in changes.items() if k in first}}
        own.pop("data", None)
        connection.execute(table.insert(), own)
    connection.execute(
        sa.text("UPDATE files SET data = :data WHERE id = :id"),
        {"data": json.dumps(reference), "id": node + number},
    )
DBSession.execute(sa.text("SELECT 1"))
from zope.sqlalchemy import mark_changed  # noqa: E402

mark_changed(DBSession())
transaction.commit()
