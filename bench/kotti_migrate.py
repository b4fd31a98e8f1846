"""Runs what `kotti-migrate-storage` runs, and commits, which it does not: kotti_migrate.py INI FROM TO"""

import sys

import transaction
from kotti.filedepot import migrate_storage
from pyramid.paster import bootstrap

ini, source, target = sys.argv[1:]
bootstrap(ini)
migrate_storage(source, target)
transaction.commit()
