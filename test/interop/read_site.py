"""Prints as JSON what Kotti and filedepot read of every reference of a site.

Usage: read_site.py INI; the reference columns are those of the `expected.json` beside it.
"""
import json
import sys
from pathlib import Path

from depot.fields.sqlalchemy import UploadedFileField
from depot.manager import DepotManager
from kotti import DBSession
from kotti_site import load_site
from sqlalchemy import Column, MetaData, Table, Unicode, select, type_coerce
from stored_file import describe


def read_column(table, column, primary_key):
    source = Table(
        table, MetaData(), Column(column, UploadedFileField), autoload_with=DBSession.bind
    )
    reference = source.c[column]
    keys = [source.c[key] for key in primary_key]
    rows = DBSession.execute(
        select(*keys, reference, type_coerce(reference, Unicode).label("text")).order_by(*keys)
    )
    for row in rows:
        values = row._mapping
        yield {
            "table": table,
            "column": column,
            "primary_key": {key: values[key] for key in primary_key},
            "text": values["text"],
            **read_reference(values[reference]),
        }


def read_reference(uploaded):
    if uploaded is None:
        return {"depot_name": None, "files": []}
    thumbnails = [
        key.removesuffix("_path")
        for key in uploaded
        if key.startswith("thumb") and key.endswith("_path")
    ]
    return {
        "depot_name": uploaded.depot_name,
        "files": [
            read_file("file", uploaded.path, lambda: uploaded.file),
            *(read_thumbnail(uploaded, thumbnail) for thumbnail in thumbnails),
        ],
    }


def read_thumbnail(uploaded, role):
    path = uploaded[f"{role}_path"]
    return read_file(role, path, lambda: DepotManager.get_file(path))


def read_file(role, path, open_file):
    try:
        return {"role": role, "path": path, **describe(open_file())}
    except Exception as error:  # whatever the site's visitors would run into
        return {"role": role, "path": path, "error": type(error).__name__}


def main(ini):
    load_site(ini)
    columns = json.loads(Path(ini).with_name("expected.json").read_text("utf-8"))["columns"]
    json.dump([entry for column in columns for entry in read_column(**column)], sys.stdout)


main(sys.argv[1])
