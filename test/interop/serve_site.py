"""Serves a site on a free port of 127.0.0.1 and prints the port; stops when its standard input ends.

Usage: serve_site.py INI
"""
import sys
from threading import Thread

from kotti import DBSession
from kotti_site import load_site
from waitress import create_server


def with_fresh_session(application):
    """Begins each request with a new database session.

    Kotti reads a blob's data when the request is over, in a session that the thread's next request
    goes on using; there the same blob may be at its end already and its body comes out too short.
    """

    def respond(environ, start_response):
        DBSession.remove()
        return application(environ, start_response)

    return respond


application = with_fresh_session(load_site(sys.argv[1]))
server = create_server(application, host="127.0.0.1", port=0)
Thread(target=server.run, daemon=True).start()
print(server.effective_port, flush=True)
sys.stdin.read()
