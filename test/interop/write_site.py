"""An application at work: uploads, replaces and deletes files of a site until its standard input ends.

Usage: write_site.py INI SEED; prints a line when it begins. At its end it prints, as JSON, what it has
committed: `id` of the table `attachments` to the SHA-256 of the file, or null for a row it deleted.
"""
import hashlib
import json
import random
import sys
from threading import Event, Thread

import transaction
from depot.fields.sqlalchemy import UploadedFileField
from depot.fields.upload import UploadedFile
from depot.io.utils import FileIntent
from depot.manager import DepotManager
from kotti import DBSession
from kotti_site import load_site
from sqlalchemy import Column, MetaData, Table, func, insert, select, update
from zope.sqlalchemy import mark_changed

load_site(sys.argv[1])
choices = random.Random(int(sys.argv[2]))
attachments = Table(
    "attachments", MetaData(), Column("document", UploadedFileField), autoload_with=DBSession.bind
)
committed = {}
stopped = Event()


def wait_for_end():
    sys.stdin.read()
    stopped.set()


def new_file():
    content = choices.randbytes(choices.randrange(1, 60_000))
    uploaded = UploadedFile(FileIntent(content, f"written {len(committed)}.bin", "text/plain"))
    return uploaded, hashlib.sha256(content).hexdigest()


def commit():
    mark_changed(DBSession())
    transaction.commit()


def upload():
    uploaded, digest = new_file()
    row = (DBSession.execute(select(func.max(attachments.c.id))).scalar() or 0) + 1
    DBSession.execute(insert(attachments).values(id=row, note="written", document=uploaded))
    commit()
    committed[row] = digest


def replace():
    row = chosen_row()
    old = DBSession.execute(select(attachments.c.document).where(attachments.c.id == row)).scalar()
    uploaded, digest = new_file()
    changed = attachments.c.id == row
    DBSession.execute(update(attachments).where(changed).values(document=uploaded))
    commit()
    committed[row] = digest
    discard(old)


def delete():
    row = chosen_row()
    old = DBSession.execute(select(attachments.c.document).where(attachments.c.id == row)).scalar()
    DBSession.execute(attachments.delete().where(attachments.c.id == row))
    commit()
    committed[row] = None
    discard(old)


def discard(uploaded):
    """As filedepot's session does it: when the reference is gone, wherever that led."""
    DepotManager.get(uploaded.depot_name).delete(uploaded.file_id)
    commit()


def chosen_row():
    return choices.choice([row for row, digest in committed.items() if digest is not None])


Thread(target=wait_for_end, daemon=True).start()
for _ in range(3):
    upload()
print("begun", flush=True)
while not stopped.wait(0.01):
    alive = sum(digest is not None for digest in committed.values())
    (upload if alive < 3 else choices.choice([upload, upload, replace, delete]))()
print(json.dumps(committed))
