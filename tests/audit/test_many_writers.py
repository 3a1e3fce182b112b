"""Many writers at once: nothing lost, nothing reordered, while the sequencer runs."""

from __future__ import annotations

import json
import os
import threading
from collections import defaultdict

import pytest
from django.db import connection, transaction

from apps.audit import log, tree
from apps.audit.models import Leaf, Pending
from apps.audit.verify import verify_trail

WRITERS = 50
EACH = int(os.environ.get("BAR_EVENTS_A_WRITER", "2"))


@pytest.mark.django_db(transaction=True)
def test_fifty_writers_at_once_lose_nothing_and_reorder_nothing():
    failures: list[BaseException] = []
    going = threading.Event()

    def write(writer: int) -> None:
        try:
            going.wait(60)
            for number in range(EACH):
                with transaction.atomic():
                    log.append("test.event", public={"writer": writer, "n": number})
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(n,)) for n in range(WRITERS)]
    for thread in threads:
        thread.start()
    going.set()
    while any(thread.is_alive() for thread in threads):
        tree.sequence(limit=37)
        next(t for t in threads if t.is_alive() or t is threads[-1]).join(0.1)
    for thread in threads:
        thread.join()
    while tree.sequence(limit=37):
        pass
    assert not failures and not Pending.objects.exists()
    order: dict[int, list[int]] = defaultdict(list)
    for leaf in Leaf.objects.select_related("event").order_by("seq"):
        told = json.loads(bytes(leaf.event.entry))["public"]
        order[told["writer"]].append(told["n"])
    assert order == {writer: list(range(EACH)) for writer in range(WRITERS)}
    assert verify_trail(outside=[]).entries == WRITERS * EACH
