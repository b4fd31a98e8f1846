"""Reads the attachments of the table `documents` with filedepot's own SQLAlchemy field, and adds one.

Usage: attachments.py DATABASE STORAGE_PATH; prints a JSON array of what was there.
"""
import base64
import json
import sys

from depot.fields.sqlalchemy import UploadedFileField
from depot.manager import DepotManager
from sqlalchemy import Column, Integer, String, create_engine
from sqlalchemy.orm import Session, declarative_base

Base = declarative_base()


class Document(Base):
    __tablename__ = "documents"
    id = Column(Integer, primary_key=True)
    name = Column(String(50))
    file = Column(UploadedFileField)


database, storage_path = sys.argv[1:]
DepotManager.configure("files", {"depot.storage_path": storage_path})
with Session(create_engine(f"sqlite:///{database}")) as session:
    print(
        json.dumps(
            [
                {
                    "name": document.name,
                    "filename": document.file.filename,
                    "content_type": document.file.content_type,
                    "content": base64.b64encode(document.file.file.read()).decode(),
                    "keys": list(document.file),
                }
                for document in session.query(Document)
            ]
        )
    )
    session.add(Document(name="python", file=b"written by Python"))
    session.commit()
