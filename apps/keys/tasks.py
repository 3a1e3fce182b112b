"""Keeping the outside list of destroyed keys whole."""

from __future__ import annotations

import logging

from apps.jobs.work import sweep
from apps.keys import destroyed
from apps.keys.models import DestroyedKey

logger = logging.getLogger(__name__)
_listed = -1


@sweep
def list_destroyed_keys() -> int:
    """List outside what a process that died after its commit did not; looked for when the number of
    destroyed keys has changed."""
    global _listed
    count = DestroyedKey.objects.count()
    if count == _listed:
        return 0
    _listed = count
    try:
        return destroyed.sync_outside() if count else 0
    except (OSError, ValueError) as error:
        logger.error("destroyed key not listed outside", extra={"error": type(error).__name__})
        return 0
