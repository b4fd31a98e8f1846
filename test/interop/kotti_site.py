"""Loads a site from its PasteDeploy file the way a server does: Kotti configures depot and database."""
from paste.deploy import loadapp


def load_site(ini):
    """The WSGI application of the pipeline `main`; as a side effect DepotManager has the site's depots."""
    return loadapp(f"config:{ini}", "main")
