"""A tiny server for the browser screens: static files, both pages, a clip, the API in memory.

Run it by hand with ``python tests/browser/devserver.py [port]``; the browser tests use ``serve``.
It keeps the protocol's promises (operations once and in order, conflicts by object, forks), so
that saving is tested against refusals and not against a server that always agrees. What it holds
is here, its doors are in ``devhandler.py``.
"""

from __future__ import annotations

import json
import sys
import threading
import uuid
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.browser.clipmaker import decode_all, make_clip, read_index
from tests.browser.devcarry import Carrying
from tests.browser.devhandler import Handler
from tests.browser.devlabels import (
    ADJUDICATION,
    CLIP,
    CONSENSUS,
    OTHER,
    PASSWORD,
    READ,
    SET,
    LabelSet,
    adjudication_labels,
    ontology,
)

__all__ = [
    "ADJUDICATION", "CLIP", "CONSENSUS", "OTHER", "PASSWORD", "READ", "SET", "Handler", "World",
    "ontology", "serve",
]  # fmt: skip


class World:
    """Everything the server holds."""

    def __init__(
        self, n_frames: int = 250, width: int = 640, height: int = 360, first_pts: int = 0
    ) -> None:
        self.video = make_clip(n_frames, width, height, first_pts)
        self.index = read_index(self.video)
        self.pictures: list[bytes] | None = None
        self.size = (width, height)
        self.lock, self.decoding = threading.RLock(), threading.Lock()
        self.base = ""
        self.reset()

    def reset(self) -> None:
        self.sets = {SET: LabelSet(), CONSENSUS: LabelSet(), READ: LabelSet()}
        self.examples: list[dict[str, Any]] = []
        self.roles = ["annotator"]
        self.beside: dict[str, Any] = {"label_sets": [], "clips": []}
        self.signed_in = True
        self.online = True
        self.review = True
        # Segments that can be watched while the clip is being made; None once it is ready.
        self.making: int | None = None
        self.shots: list[int] = []
        self.signature: dict[str, Any] | None = None
        self.decisions: dict[str, str] = {}
        # What the person's device is asked with; None for a person without a passkey.
        self.asked: dict[str, Any] | None = None
        self.answered: dict[str, Any] | None = None
        self.watched: list[list[int]] = []
        self.windows: list[dict[str, str]] = []
        self.ranges: list[int] = []
        self.carrying: dict[str, Carrying] = {}
        # What imported label sets propose, by label set.
        self.proposals: dict[str, list[dict[str, Any]]] = {}
        self.is_let_go = True
        self.threads: list[dict[str, Any]] = []
        self.findings: list[dict[str, Any]] = []
        self.keys: dict[str, Any] = {"characters": True, "keys": {}}
        self.spells: dict[str, dict[str, Any]] = {}
        self.a, self.b = adjudication_labels(*self.size)

    def ontology(self) -> dict[str, Any]:
        return ontology()

    def picture(self, index: int) -> bytes:
        # A lock of its own: saving does not wait for a long clip.
        with self.decoding:
            if self.pictures is None:
                self.pictures = decode_all(self.video)
        return self.pictures[index]

    def clip(self) -> dict[str, Any]:
        n = self.index["n_frames"]
        return {
            "id": CLIP,
            "name": "Clip 2 of 3",
            "state": "ready" if self.making is None else "indexing",
            "progress": None if self.making is None else {"progress": 0.4, "step": ""},
            "n_frames": n,
            "width_px": self.size[0],
            "height_px": self.size[1],
            "time_base": self.index["time_base"],
            "fps": 25.0,
            "duration_s": n / 25,
            "pseudonym": "P-7F3K",
            "warnings": [],
            "blanked_spans": [],
            "shots": self.shots,
            "review_url": f"/clips/{CLIP}/review.mp4" if self.review else None,
            "frame_url": f"/api/v1/clips/{CLIP}/frames/{{index}}.png",
            "pts_url": f"/api/v1/clips/{CLIP}/index.json",
        }

    def segments(self) -> list[dict[str, Any]]:
        n = self.index["n_frames"]
        return [
            {
                "start_frame": k * n,
                "end_frame": (k + 1) * n,
                "url": f"/clips/{CLIP}/segments/{k * n}.mp4",
            }
            for k in range(self.making or 0)
        ]

    def label_set(self, key: str) -> dict[str, Any]:
        held = self.sets[key]
        return {
            "id": key,
            "state": held.state,
            "revision": held.revision,
            "author_is_me": True,
            "origin": "human",
            "ontology": self.ontology(),
            "labels": held.labels,
            "clips": [CLIP],
        }

    def disagreements(self) -> list[dict[str, Any]]:
        rows = [
            (
                "d1",
                "mask",
                "Lesion 1 outline",
                "lesion",
                "a-lesion",
                "b-lesion",
                20,
                21,
                0.39,
                "IoU 0.61",
            ),
            (
                "d2",
                "tip",
                "Grasper 1 tip",
                "grasper",
                "a-grasper",
                "b-grasper",
                10,
                61,
                0.3,
                "31 px",
            ),
            (
                "d3",
                "phase",
                "Preparation to Calot",
                "calot",
                "a-calot",
                "b-calot",
                60,
                75,
                0.2,
                "15 frames",
            ),
            ("d4", "only_b", "Bleeding", "bleeding", None, "b-bleed", 120, 140, 0.1, "only B"),
        ]
        return [
            {
                "id": i,
                "kind": k,
                "label": name,
                "class_id": c,
                "a": a,
                "b": b,
                "start_frame": s,
                "end_frame": e,
                "size": z,
                "measure": m,
                "decision": self.decisions.get(i),
            }
            for i, k, name, c, a, b, s, e, z, m in rows
        ]

    def to_be_signed(self) -> dict[str, Any]:
        said = {"meaning": "I approve this consensus.", "digest": "5f" * 32}
        return {"statement": json.dumps(said), "options": self.asked}

    def adjudication(self) -> dict[str, Any]:
        consensus = self.sets[CONSENSUS]
        undecided = [d for d in self.disagreements() if not d["decision"]]
        return {
            "id": ADJUDICATION,
            "state": "signed" if self.signature else "open",
            "clip": self.clip(),
            "ontology": self.ontology(),
            "sets": [
                {"name": "A", "label_set": str(uuid.uuid4()), "labels": self.a},
                {"name": "B", "label_set": str(uuid.uuid4()), "labels": self.b},
            ],
            "consensus": {
                "label_set": CONSENSUS,
                "revision": consensus.revision,
                "labels": consensus.labels,
            },
            "agreement": {
                "lanes": [
                    {
                        "name": "Tips",
                        "kind": "tip",
                        "values": [
                            [0, None],
                            [10, 0.9],
                            [25, 0.6],
                            [35, 0.4],
                            [45, 0.7],
                            [61, None],
                        ],
                    },
                    {"name": "Phases", "kind": "phase", "values": [[0, 1.0], [60, 0.0], [75, 1.0]]},
                ],
                "summary": [
                    {"object": "a-lesion", "label": "Lesion 1", "metric": "IoU", "value": 0.61},
                    {"object": "a-lesion", "label": "Lesion 1", "metric": "Dice", "value": 0.76},
                    {
                        "object": "a-grasper",
                        "label": "Grasper 1",
                        "metric": "distance px",
                        "value": 14.2,
                    },
                ],
            },
            "disagreements": self.disagreements(),
            "statement": None
            if undecided
            else {
                "meaning": "I have reviewed both label sets and approve this consensus.",
                "digest": "5f" * 32,
            },
            "signature": self.signature,
        }


class QuietServer(ThreadingHTTPServer):
    """A browser that breaks off a transfer is no error."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


def serve(world: World, port: int = 0) -> ThreadingHTTPServer:
    """Start serving in a thread; the caller calls ``shutdown``."""
    handler = type("BoundHandler", (Handler,), {"world": world})
    server = QuietServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


if __name__ == "__main__":
    running = serve(World(width=1280, height=720), int(sys.argv[1]) if len(sys.argv) > 1 else 8765)
    base = f"http://127.0.0.1:{running.server_address[1]}"
    print(f"{base}/clips/{CLIP}/work/\n{base}/adjudications/{ADJUDICATION}/", flush=True)
    threading.Event().wait()
