"""What ends by the clock gets its event. The grants themselves are none from their end on, whether
or not anybody noted it."""

from __future__ import annotations

from django.db.models import F, Q
from django.utils import timezone

from apps.access.actor import service
from apps.jobs.work import sweep
from apps.projects import agreements, emergency
from apps.projects.models import Agreement, EmergencyAccess


@sweep
def note_what_ended() -> int:
    """Emergency accesses whose time is over, agreements whose last day is."""
    now, done = timezone.now(), 0
    for access in EmergencyAccess.objects.filter(state="open", ends_at__lte=now):
        emergency.expire(service("worker"), access)
        done += 1
    new = Q(noted_end=None) | ~Q(noted_end=F("ends_at"))
    for agreement in Agreement.objects.filter(new, ends_at__lte=now):
        agreements.note_end(service("worker"), agreement)
        done += 1
    return done
