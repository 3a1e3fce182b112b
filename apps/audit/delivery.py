"""Handing checkpoints to places outside the database, each at its own pace.

The checkpoint file is written with the checkpoint itself (``tree.py``). A collector or a witness
may be away for hours: what it has is remembered in its ``Delivery`` row, and it is tried again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.audit import syslog, witnesses
from apps.audit.domain import checkpoint as notes
from apps.audit.models import Checkpoint, Cosignature, Delivery

AGAIN = timedelta(seconds=30)
_AT_ONCE = 200
Give = Callable[[Delivery, Checkpoint], int]


def deliver() -> int:
    """Give every place what it has not got; the number of places that took something. A place that
    failed is left alone for half a minute; its row says why."""
    newest = Checkpoint.objects.order_by("-size").first()
    return 0 if newest is None else sum(_try(name, give, newest) for name, give in _places())


def _places() -> list[tuple[str, Give]]:
    found: list[tuple[str, Give]] = []
    if syslog.address() is not None:
        found.append(("syslog", _to_syslog))
    for witness in witnesses.configured():
        found.append((f"witness {witness.name}", partial(_to_witness, witness)))
    return found


def _try(name: str, give: Give, newest: Checkpoint) -> bool:
    row, _ = Delivery.objects.get_or_create(place=name)
    now = timezone.now()
    if row.size >= newest.size and not row.problem:
        return False
    if row.problem and row.tried_at is not None and now - row.tried_at < AGAIN:
        return False
    row.tried_at = now
    try:
        row.size, row.problem = give(row, newest), ""
        row.delivered_at = timezone.now()
    except (syslog.SyslogError, witnesses.WitnessError, notes.CheckpointError) as error:
        row.problem = str(error)[:200]
    row.save()
    return not row.problem


def _to_syslog(row: Delivery, newest: Checkpoint) -> int:
    """Every checkpoint since the last one that was taken, oldest first."""
    waiting = Checkpoint.objects.filter(size__gt=row.size).order_by("size")[:_AT_ONCE]
    size = row.size
    with syslog.connected() as out:
        for checkpoint in waiting:
            facts = {"size": str(checkpoint.size), "root": bytes(checkpoint.root).hex()}
            # A collector keeps one line a message.
            text = checkpoint.note.rstrip("\n").replace("\n", "\\n")
            out.send(syslog.message("checkpoint", text, facts))
            size = checkpoint.size
    return size


def _to_witness(witness: witnesses.Witness, row: Delivery, newest: Checkpoint) -> int:
    line = witnesses.submit(witness, newest.note, row.size)
    try:
        with transaction.atomic():
            Cosignature.objects.create(size=newest.size, witness=witness.name, line=line)
    except IntegrityError:
        # Another process gave it the same checkpoint in this moment.
        pass
    return newest.size


def witnessed_note(checkpoint: Checkpoint) -> str:
    """The note with the lines of the witnesses that signed it."""
    lines = Cosignature.objects.filter(size=checkpoint.size).values_list("line", flat=True)
    return notes.with_lines(checkpoint.note, lines)
