from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def node(transactional_db: None, project: Any) -> Iterator[Any]:
    """The product's node in this process, on a port of its own."""
    from apps.intake.node.server import Node

    before = set(threading.enumerate())
    made = Node()
    made.start("127.0.0.1", 0)
    yield made
    made.stop()
    for thread in set(threading.enumerate()) - before:
        # Those are the process's own and last as long as it does.
        if not thread.name.startswith("vault-write"):
            thread.join(8)
