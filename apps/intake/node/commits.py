"""What several associations have to write at the same moment is committed together.

Each piece of work is a verb and has a savepoint of its own; the transaction around them is synced
once. Whoever comes while another one commits waits, and the first of those who waited commits for
all of them: alone nobody waits for company, and four at once cost one sync and not four.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from django.db import (
    DatabaseError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    connection,
    transaction,
)

T = TypeVar("T")
_AT_ONCE = 32
# After so long without use a server may have gone away.
_TRUSTED_S = 2.0
# Serialization failure and deadlock: the transaction was rolled back whole, and alone it may pass.
_CLASHED = {"40001", "40P01"}


class _Item:
    """A piece of work and what became of it."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work
        self.is_done = False
        self.result: Any = None
        self.failure: BaseException | None = None


class Commits:
    """``run`` gives what its work gives once that is committed."""

    def __init__(self) -> None:
        self._waiting: deque[_Item] = deque()
        self._leading = threading.Lock()
        self._used_at = 0.0

    def run(self, work: Callable[[], T]) -> T:
        """Raises what ``work`` raises (then nothing of it stands), DatabaseError when the
        transaction did not hold."""
        item = _Item(work)
        self._waiting.append(item)
        while not item.is_done:
            with self._leading:
                if not item.is_done:
                    count = min(len(self._waiting), _AT_ONCE)
                    self._commit([self._waiting.popleft() for _ in range(count)])
        if item.failure is not None:
            raise item.failure
        result: T = item.result
        return result

    def _commit(self, group: list[_Item]) -> None:
        failure: BaseException | None = None
        try:
            if time.monotonic() - self._used_at > _TRUSTED_S:
                _reach_database()
            with transaction.atomic():
                for item in group:
                    _attempt(item)
            self._used_at = time.monotonic()
        except Exception as error:
            if len(group) > 1 and _may_pass_alone(error):
                for item in group:
                    self._commit([item])
                return
            connection.close()
            failure = error
        finally:
            put_connection_away()
        for item in group:
            if failure is not None:
                item.failure = failure
            item.is_done = True


def _reach_database() -> None:
    """The pool may hold connections to a server that was started again meanwhile."""
    for _ in range(3):
        connection.ensure_connection()
        if connection.is_usable():
            return
        connection.close()


def put_connection_away() -> None:
    """Between messages a pooled connection is another thread's to use. SQLite's stays with its
    thread: to open one costs as much as to record an instance."""
    if connection.vendor != "sqlite":
        connection.close()


def _attempt(item: _Item) -> None:
    """What breaks the connection breaks the group; any other failure is its own."""
    item.failure = None
    try:
        item.result = item.work()
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        item.failure = error


def _may_pass_alone(error: Exception) -> bool:
    return isinstance(error, DatabaseError) and (
        isinstance(error, IntegrityError) or getattr(error.__cause__, "sqlstate", "") in _CLASHED
    )
