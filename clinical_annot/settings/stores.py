"""Where encrypted files lie: read from the environment and checked before anything starts."""

from __future__ import annotations

import re
from importlib.util import find_spec
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from environs import Env

_PLACE = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9._/-]*)?")


def store_settings(env: Env) -> tuple[str, str, str]:
    """Place (empty: the data directory), endpoint and region of an S3-compatible store.

    Raises ImproperlyConfigured, which names the variable.
    """
    place = env.str("CLINICAL_ANNOT_STORAGE", "")
    endpoint = env.str("CLINICAL_ANNOT_S3_ENDPOINT", "")
    region = env.str("CLINICAL_ANNOT_S3_REGION", "us-east-1")
    if not place:
        return place, endpoint, region
    if _PLACE.fullmatch(place) is None:
        raise ImproperlyConfigured("CLINICAL_ANNOT_STORAGE: give s3://bucket/prefix, or nothing")
    if find_spec("boto3") is None:
        raise ImproperlyConfigured(
            "CLINICAL_ANNOT_STORAGE: an S3 store needs boto3; install requirements-s3.lock"
        )
    if endpoint:
        at = urlsplit(endpoint)
        if at.scheme not in ("http", "https") or not at.hostname:
            raise ImproperlyConfigured(
                "CLINICAL_ANNOT_S3_ENDPOINT: give the store's address, https://host:port"
            )
    return place, endpoint, region
