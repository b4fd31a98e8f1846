"""Serves a site on a free port of 127.0.0.1 and prints the port; stops when its standard input ends.

Usage: serve_site.py INI
"""
import sys
from threading import Thread

from kotti_site import load_site
from waitress import create_server

server = create_server(load_site(sys.argv[1]), host="127.0.0.1", port=0)
Thread(target=server.run, daemon=True).start()
print(server.effective_port, flush=True)
sys.stdin.read()
