"""The text engine in a process of its own: its memory is not the worker's, nor is its crash.

Pictures and answers go over a socket pair, so nothing of them has a name anywhere. The child gets
no variable of its parent's (no key), may hold no more than ``MEMORY_BYTES``, writes no core dump,
and ends when its parent does or when nothing was asked of it for a while.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from .refusals import StreamRefusal
from .text_engine import Corners, TextEngine, model_folder

MEMORY_BYTES = 1 << 30
ANSWER_WITHIN_S = 120.0
IDLE_S = 300.0
_ROOT = Path(__file__).resolve().parents[3]
_ENVIRONMENT = {
    "PATH": os.defpath,
    "LANG": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    # Buffers of one tile serve the next one: given back to the system each time, a third of the
    # time went into page faults.
    "MALLOC_MMAP_THRESHOLD_": str(256 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(256 << 20),
    "MALLOC_ARENA_MAX": "1",
}


class EngineProcess:
    """The same as :class:`TextEngine`, from a process that is started at first use.

    A process that ends or does not answer is replaced and asked once more; when that one fails
    too, ``StreamRefusal("detector_failed")``: the work may be tried again later.
    """

    def __init__(self, answer_within_s: float = ANSWER_WITHIN_S) -> None:
        model_folder()
        self._answer_within_s = answer_within_s
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._line: Connection | None = None

    @property
    def pid(self) -> int | None:
        """The child's process id; None while there is none."""
        return self._child.pid if self._child is not None else None

    def detect(self, tile: np.ndarray, least_side_px: int) -> list[Corners]:
        answer = self._ask({"do": "detect", "least_side_px": least_side_px}, [tile])
        return [(float(a), float(b), float(c), float(d), float(e)) for a, b, c, d, e in answer]

    def recognise(self, crops: Sequence[np.ndarray]) -> list[str]:
        return [str(text) for text in self._ask({"do": "recognise"}, crops)] if crops else []

    def close(self) -> None:
        """End the child; the next question starts another."""
        with self._lock:
            self._end()

    def _ask(self, question: dict[str, Any], pictures: Sequence[np.ndarray]) -> list[Any]:
        with self._lock:
            for _ in range(2):
                try:
                    return self._exchange(question, pictures)
                except (OSError, EOFError):
                    self._end()
                except BaseException:
                    # What was asked and not heard must not be taken for the next answer.
                    self._end()
                    raise
        raise StreamRefusal(
            "detector_failed", "text detector: its process ended twice; the work is tried again"
        )

    def _exchange(self, question: dict[str, Any], pictures: Sequence[np.ndarray]) -> list[Any]:
        line = self._connected()
        question = {**question, "shapes": [picture.shape for picture in pictures]}
        line.send_bytes(json.dumps(question).encode())
        for picture in pictures:
            line.send_bytes(np.ascontiguousarray(picture).data.cast("B"))
        if not line.poll(self._answer_within_s):
            raise EOFError
        answer = json.loads(line.recv_bytes())
        if not isinstance(answer, list):
            raise EOFError
        return answer

    def _connected(self) -> Connection:
        if self._line is None:
            ours, theirs = socket.socketpair()
            with theirs:
                self._child = subprocess.Popen(
                    [sys.executable, "-m", __name__, str(theirs.fileno())],
                    cwd=_ROOT,
                    env=_ENVIRONMENT,
                    pass_fds=(theirs.fileno(),),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            self._line = Connection(ours.detach())
        return self._line

    def _end(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None


def serve(line: Connection) -> None:
    """Answer until the other side is gone or silent for long."""
    engine = TextEngine()
    while line.poll(IDLE_S):
        question = json.loads(line.recv_bytes())
        pictures = [
            np.frombuffer(line.recv_bytes(), np.uint8).reshape(shape)
            for shape in question["shapes"]
        ]
        answer: Any
        if question["do"] == "detect":
            answer = engine.detect(pictures[0], question["least_side_px"])
        else:
            answer = engine.recognise(pictures)
        line.send_bytes(json.dumps(answer).encode())


def main() -> None:
    import resource

    # Ctrl-C reaches the whole group; the parent decides when this ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    with contextlib.suppress(EOFError, OSError):
        serve(Connection(int(sys.argv[1])))


if __name__ == "__main__":
    main()
