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


@pytest.fixture
def committing_project(project: Any, person: Any, settings: Any) -> Any:
    """The project with storage commitment switched on."""
    from apps.access import roles
    from apps.intake.pacs import committing

    settings.CLINICAL_ANNOT_DISK_RESERVE_BYTES = 0
    return committing.switch(person(system=(roles.PACS_ADMINISTRATOR,)), project, is_wanted=True)
