"""Leads the storages that know only a service's own address to the servers of the tests.

Where those are, depot's own sections of the configuration say, which Kotti does not read.
"""
import os
from configparser import RawConfigParser
from urllib.parse import urlsplit


def lead_to_emulators(ini):
    options = RawConfigParser()
    options.read(ini, "utf-8")
    for section in options.sections():
        if section.startswith("depot:storage:"):
            if endpoint := options.get(section, "api_endpoint", fallback=None):
                emulate_google(endpoint)
            if endpoint := options.get(section, "endpoint_url", fallback=None):
                lead_boto_to(endpoint)


def emulate_google(endpoint):
    """fake-gcs-server asks for no credentials and has no policies of buckets."""
    os.environ["STORAGE_EMULATOR_HOST"] = endpoint
    os.environ["GOOGLE_APPLICATION_CREDENTIALS"] = "none is read"
    from depot.io.gcs import GCSStorage
    from google.auth.credentials import AnonymousCredentials
    from google.oauth2.service_account import Credentials

    Credentials.from_service_account_file = lambda path: AnonymousCredentials()
    GCSStorage.set_bucket_public_iam = lambda self, bucket: None


def lead_boto_to(endpoint):
    """The older S3 storage takes a host without a port and speaks https; the server is its proxy."""
    import boto

    address = urlsplit(endpoint)
    settings = {
        "Boto": {"is_secure": "False", "proxy": address.hostname, "proxy_port": str(address.port)},
        "s3": {"calling_format": "boto.s3.connection.OrdinaryCallingFormat"},
    }
    for section, values in settings.items():
        boto.config.add_section(section)
        for key, value in values.items():
            boto.config.set(section, key, value)
