"""In which projects a subject is: said by the rooms above, which hold what belongs to it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from typing import Any

_finders: list[Callable[[uuid.UUID], Iterable[Any]]] = []


def register(finder: Callable[[uuid.UUID], Iterable[Any]]) -> None:
    """Name a look-up from a subject's id to the projects that hold something of it."""
    if finder not in _finders:
        _finders.append(finder)


def projects_of(subject_id: uuid.UUID) -> list[Any]:
    """Every project that holds something of the subject, each once."""
    found = {project.pk: project for finder in _finders for project in finder(subject_id)}
    return list(found.values())
