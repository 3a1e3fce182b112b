"""Looking at an instance in quarantine is recorded once a session and quarter of an hour."""

from __future__ import annotations

import time
from typing import Any

from apps.access.doors import actor_of
from apps.deid import services
from apps.intake.models import ReceivedInstance

OPEN_FOR_S = 15 * 60
_PREFIX = "review:"


def ensure_open(request: Any, received: ReceivedInstance) -> None:
    """Record the opening unless this session has a live one. Raises Refused: NotFound, Conflict.

    A token has no session that lasts, so that each of its calls is recorded.
    """
    session = getattr(request, "session", None)
    key, now = f"{_PREFIX}{received.pk}", time.time()
    if session is not None and session.get(key, 0) > now:
        return
    services.open_review(actor_of(request), received)
    if session is not None and session.session_key:
        session[key] = now + OPEN_FOR_S
        for other, until in list(session.items()):
            if other.startswith(_PREFIX) and until <= now:
                del session[other]
