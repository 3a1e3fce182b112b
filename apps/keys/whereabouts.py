"""In which projects a subject is, and whether a legal hold keeps it: said by the rooms above."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from typing import Any

_guards: list[Callable[[uuid.UUID], bool]] = []
_finders: list[Callable[[uuid.UUID], Iterable[Any]]] = []


def register(finder: Callable[[uuid.UUID], Iterable[Any]]) -> None:
    """Name a look-up from a subject's id to the projects that hold something of it."""
    if finder not in _finders:
        _finders.append(finder)


def projects_of(subject_id: uuid.UUID) -> list[Any]:
    """Every project that holds something of the subject, each once."""
    found = {project.pk: project for finder in _finders for project in finder(subject_id)}
    return list(found.values())


def guard(asked: Callable[[uuid.UUID], bool]) -> None:
    """Name a question whether anything forbids destroying a subject's key."""
    if asked not in _guards:
        _guards.append(asked)


def is_held(subject_id: uuid.UUID) -> bool:
    """Whether a legal hold keeps what belongs to the subject."""
    return any(asked(subject_id) for asked in _guards)
