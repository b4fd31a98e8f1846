"""Loads a site from its PasteDeploy file the way a server does: Kotti configures depot and database."""
from emulators import lead_to_emulators
from paste.deploy import loadapp


def load_site(ini):
    """The WSGI application of the pipeline `main`; as a side effect DepotManager has the site's depots."""
    lead_to_emulators(ini)
    return loadapp(f"config:{ini}", "main")
