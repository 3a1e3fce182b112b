"""``/healthz``: is every part there? It never waits for the queue."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from apps.audit import triggers
from apps.intake.queries import node_is_up
from apps.jobs.heartbeat import is_alive
from apps.vault.files import storage


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    gone = triggers.missing()
    return "ok" if not gone else "append-only triggers are missing"


def _storage() -> str:
    place = storage()
    place.check()
    free = place.free_bytes()
    return "ok" if free > settings.CLINICAL_ANNOT_DISK_RESERVE_BYTES else "disk almost full"


def _node() -> str:
    return "ok" if node_is_up() else "does not answer"


def _worker() -> str:
    return "ok" if is_alive("worker") else "no sign of life"


def _web() -> str:
    """While ``make demo`` is still preparing, the marker it leaves says so."""
    marker = Path(settings.CLINICAL_ANNOT_DATA_DIR) / "preparing"
    return "starting" if marker.exists() else "ok"


_PARTS: dict[str, Callable[[], str]] = {
    "web": _web,
    "database": _database,
    "storage": _storage,
    "node": _node,
    "worker": _worker,
}


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when every part is ok, else 503; names what is not."""
    told = {}
    for name, look in _PARTS.items():
        try:
            told[name] = look()
        except Exception as error:
            told[name] = type(error).__name__
    return JsonResponse(told, status=200 if set(told.values()) == {"ok"} else 503)
