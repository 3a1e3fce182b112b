"""The idle lock: a session that nobody uses shows nothing until its person signs in again.

The page locks itself and says so here (``static/pages/idle.js``); what was typed or drawn stays in
the page. A session that is not heard of for longer is locked here, whatever its page does. A locked
session is signed out in everything but its own signing in again, which keeps it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponseBase

LOCKED, SEEN = "is_locked", "seen_at_s"
# The page locks first: this is for sessions whose page is gone.
_LATER_S = 60


class IdleMiddleware:
    """Where the session is locked, nobody is signed in."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        idle_s = settings.CLINICAL_ANNOT_IDLE_LOCK_S
        if idle_s and request.user.is_authenticated:
            _look(request, idle_s)
            if request.session.get(LOCKED):
                request.user = AnonymousUser()
        return self._get_response(request)


def _look(request: HttpRequest, idle_s: int) -> None:
    """Lock what was not heard of for too long; else note now and then that it was."""
    now = int(time.time())
    seen = int(request.session.get(SEEN, now - idle_s // 10 - 1))
    if now - seen > idle_s + _LATER_S:
        request.session[LOCKED] = True
    elif now - seen > idle_s // 10:
        request.session[SEEN] = now


def lock(request: Any) -> None:
    request.session[LOCKED] = True


@receiver(user_logged_in)
def _signed_in(sender: Any, request: Any, user: Any, **_: Any) -> None:
    session = getattr(request, "session", None)
    if session is not None:
        session.pop(LOCKED, None)
        session[SEEN] = int(time.time())
