"""Saving labels at the product's own web server, next to a bare insert of the same rows.

python -m bench.saving [saves|crowd|million]      SQLite, or PostgreSQL when DATABASE_URL names one

``BENCH_SAVES`` (100), ``BENCH_PAUSE_S`` (4), ``BENCH_PEOPLE`` (50), ``BENCH_KEYFRAMES`` (1,000,000)
change the size. Each measure is printed as a line of JSON.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.baselines import insert_rows

OPERATIONS, TRACKS, CLIP_FRAMES = 100, 500, 270_000
ROOT = Path(__file__).resolve().parents[1]


def _size(name: str, whole: int) -> int:
    return int(os.environ.get(name, whole))


def p95(figures: list[float]) -> float:
    return statistics.quantiles(figures, n=20, method="inclusive")[18]


class Hand:
    """One annotator's tab on a label set, over one connection."""

    def __init__(self, port: int, token: str, label_set: str, clip: str, seed: int) -> None:
        self.wire = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.token, self.label_set, self.clip = token, label_set, clip
        self.random = random.Random(seed)
        self.client, self.seq, self.revision = str(uuid.uuid4()), 0, 0
        self.tracks: list[str] = []
        self.n_kept = 0

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        head = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        url = f"/api/v1/label-sets/{self.label_set}/{path}"
        self.wire.request(method, url, None if body is None else json.dumps(body), head)
        answer = self.wire.getresponse()
        return answer.status, answer.read()

    def step(self, op: str, name: str, **fields: Any) -> dict[str, Any]:
        self.seq += 1
        return {"id": str(uuid.uuid4()), "seq": self.seq, "op": op, "object": name, **fields}

    def batch(self, count: int, frame: int) -> list[dict[str, Any]]:
        """Work around a frame on ten tracks: tips, made when they are not there yet."""
        made = []
        while len(self.tracks) < 10 and len(made) < count:
            self.tracks.append(str(uuid.uuid4()))
            made.append(
                self.step("track.create", self.tracks[-1], clip=self.clip, class_id="grasper")
            )
        return made + [
            self.tip(self.tracks[n % 10], frame + n // 10) for n in range(len(made), count)
        ]

    def tip(self, track: str, frame: int) -> dict[str, Any]:
        point = [round(self.random.uniform(0, 319), 2), round(self.random.uniform(0, 239), 2)]
        return self.step(
            "keyframe.set", track, frame_index=frame, state="visible",
            shape={"type": "tip", "point": point}, attributes={},
        )  # fmt: skip

    def save(self, operations: list[dict[str, Any]]) -> float:
        """Seconds from asking to the answer. Raises for anything but 200."""
        body = {
            "client_id": self.client, "base_revision": self.revision, "operations": operations,
        }  # fmt: skip
        began = time.perf_counter()
        status, answer = self.ask("POST", "operations/", body)
        took = time.perf_counter() - began
        if status != 200:
            raise RuntimeError(f"{status}: {answer[:300]!r}")
        self.revision = json.loads(answer)["revision"]
        return took


class Site:
    """A web server of the product over a database with annotators and their label sets."""

    def __init__(self, folder: Path, port: int, web: subprocess.Popen[bytes]) -> None:
        self.folder, self.port, self.web = folder, port, web
        self.people: list[tuple[str, Any]] = []

    def hands(self, count: int, n_frames: int = CLIP_FRAMES) -> list[Hand]:
        """That many annotators, each with an empty label set on the one clip."""
        from apps.access import tokens
        from apps.access.actor import Actor, service
        from apps.access.models import User
        from apps.library.models import Clip
        from apps.projects.services import create_project, grant_role
        from tests import builders

        name = uuid.uuid4().hex[:8]
        project = create_project(service("command"), None, slug=name, name=name, ae_title=name)
        clip = builders.ready_clip(project)
        # Only its length matters here: no picture is asked for.
        Clip.objects.filter(pk=clip.pk).update(n_frames=n_frames)
        clip.refresh_from_db()
        made = []
        for number in range(count):
            user = User.objects.create_user(f"{name}{number}", password=None)
            grant_role(service("command"), project, user, "annotator")
            label_set = builders.label_set(project, Actor(user), clip)
            token = tokens.make(user, "bench")
            made.append(Hand(self.port, token, str(label_set.pk), str(clip.pk), number))
        return made

    def memory_mb(self) -> float:
        """Resident memory of the web server's processes, MB."""
        pages = 0
        for pid in _tree(self.web.pid):
            pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _tree(root: int) -> list[int]:
    found, at = [root], 0
    while at < len(found):
        children = Path(f"/proc/{found[at]}/task/{found[at]}/children")
        found += [int(pid) for pid in children.read_text().split()] if children.exists() else []
        at += 1
    return found


@contextmanager
def site() -> Iterator[Site]:
    """The product's web server with a database of its own (DATABASE_URL, else SQLite)."""
    with tempfile.TemporaryDirectory(prefix="clinicalannot-bench-") as name:
        folder = Path(name)
        (folder / "data").mkdir()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        os.environ.update(
            CLINICAL_ANNOT_DATA_DIR=str(folder / "data"),
            CLINICAL_ANNOT_KEY_FILE=str(folder / "master.key"),
            CLINICAL_ANNOT_WEB_PORT=str(port),
            DJANGO_SETTINGS_MODULE="clinical_annot.settings.development",
        )
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0, interactive=False)
        # As the demo starts it.
        web = subprocess.Popen(
            [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1",
             "--port", str(port), "--blocking-threads", "16", "--backpressure", "64", "--no-ws",
             "--log-level", "warning", "clinical_annot.wsgi:application"],
            cwd=ROOT,
        )  # fmt: skip
        try:
            _answers(port)
            yield Site(folder, port, web)
        finally:
            web.terminate()
            web.wait(20)


def _answers(port: int) -> None:
    for _ in range(600):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the web server did not come up")


def saves(at: Site) -> dict[str, Any]:
    """p95 of saving 100 operations with 0 to 4 s between, next to a bare insert of their bytes."""
    from apps.annotation.domain import ops

    count, longest = _size("BENCH_SAVES", 100), float(os.environ.get("BENCH_PAUSE_S", "4"))
    (hand,) = at.hands(1)
    pick = random.Random(1)
    bare = insert_rows.connect(at.folder, os.environ.get("DATABASE_URL", ""))
    ours: list[float] = []
    theirs: list[float] = []
    hand.save(hand.batch(OPERATIONS, 0))
    for turn in range(count):
        time.sleep(pick.uniform(0, longest))
        batch = hand.batch(OPERATIONS, pick.randrange(CLIP_FRAMES - 100))
        ours.append(hand.save(batch))
        bodies = [ops.canonical_bytes(op) for op in batch]
        began = time.perf_counter()
        insert_rows.insert(bare, turn, bodies)
        theirs.append(time.perf_counter() - began)
    bare.close()
    return {
        "saves": count, "p50_ms": 1000 * statistics.median(ours), "p95_ms": 1000 * p95(ours),
        "bare_p50_ms": 1000 * statistics.median(theirs), "bare_p95_ms": 1000 * p95(theirs),
    }  # fmt: skip


def crowd(at: Site) -> dict[str, Any]:
    """Many annotators saving at once, as fast as they are answered: errors, and what is lost."""
    people, turns, each = _size("BENCH_PEOPLE", 50), 10, 20
    hands = at.hands(people)
    begin = threading.Barrier(people)
    took: list[float] = []
    errors: list[str] = []

    def work(hand: Hand) -> None:
        begin.wait()
        try:
            for turn in range(turns):
                took.append(hand.save(hand.batch(each, turn * each)))
        except Exception as error:
            errors.append(str(error))

    threads = [threading.Thread(target=work, args=(hand,)) for hand in hands]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall_s = time.perf_counter() - began
    lost = 0
    for hand in hands:
        labels = json.loads(hand.ask("GET", "")[1])["labels"]
        held = sum(1 + len(track["keyframes"]) for track in labels["tracks"].values())
        # Ten tracks; each turn sets two frames of each, the first turn one fewer.
        lost += turns * each - held
    return {
        "people": people, "errors": len(errors), "first_error": errors[:1], "lost": lost,
        "saves_per_s": people * turns / wall_s, "p95_ms": 1000 * p95(took),
    }  # fmt: skip


def million(at: Site) -> dict[str, Any]:
    """Opening, reading a window and saving, on a set of a million keyframes and on an empty one."""
    keyframes = _size("BENCH_KEYFRAMES", 1_000_000)
    full, empty = at.hands(2)
    _fill(full, keyframes)
    pick = random.Random(3)
    found: dict[str, Any] = {"keyframes": keyframes}
    frames = [pick.randrange(CLIP_FRAMES - 2000) for _ in range(60)]
    for hand in (empty, full):
        hand.save(hand.batch(OPERATIONS, 0))
    before_mb = at.memory_mb()
    took: dict[str, list[float]] = {}
    for frame in frames:
        for name, hand in (("empty", empty), ("full", full)):
            window = f"keyframes/?clip={hand.clip}&from={frame}&to={frame + 1024}"
            # As the workspace asks (windows.js): the chunk of the frame that it opens at.
            start = frame - frame % 256
            outline = f"outline/?clip={hand.clip}&from={start}&to={start + 256}&form=runs"
            for what, path in (("open", outline), ("window", window)):
                began = time.perf_counter()
                status, body = hand.ask("GET", path)
                spent_ms = 1000 * (time.perf_counter() - began)
                took.setdefault(f"{name}_{what}_ms", []).append(spent_ms)
                took.setdefault(f"{name}_{what}_kb", []).append(len(body) / 1000)
                if status != 200:
                    raise RuntimeError(f"{status}: {body[:300]!r}")
            spent = hand.save(hand.batch(OPERATIONS, frame))
            took.setdefault(f"{name}_save_ms", []).append(1000 * spent)
    found |= {name: statistics.median(figures) for name, figures in took.items()}
    return {**found, "grown_mb": at.memory_mb() - before_mb, "memory_mb": at.memory_mb()}


def _fill(hand: Hand, keyframes: int) -> None:
    """Tracks spread over the clip, each with a keyframe every fourth frame: as the rows and the log
    that saving them leaves, a revision a track. By saves alone it takes most of an hour, and by
    the product's own checks of each operation many minutes: those are run on the first track, whose
    rows must be the same."""
    from django.db import transaction

    from apps.annotation import log, rows, store
    from apps.annotation.domain import runs
    from apps.annotation.models import LabelObject, LabelSet

    label_set = LabelSet.objects.select_related("ontology", "author").get(pk=hand.label_set)
    each = max(1, keyframes // TRACKS)
    for number in range(TRACKS):
        name = str(uuid.uuid4())
        start = number * (CLIP_FRAMES - 4 * each) // TRACKS
        logged, held = _spelled(hand, name, [start + 4 * n for n in range(each)])
        if not number:
            _are_what_saving_leaves(label_set, logged, held, name)
        label_set.revision += 1
        with transaction.atomic():
            row = LabelObject.objects.create(
                label_set=label_set, uuid=name, kind="track", clip_id=hand.clip,
                body={"class_id": "grasper", "number": number + 1, "attributes": {}},
                chunk_runs=runs.runs_of(held),
            )  # fmt: skip
            rows.write_chunks([rows.ChunkRow(row.pk, n, store.pack(k)) for n, k in held.items()])
            log.append(label_set, label_set.author, hand.client, logged)
            label_set.save(update_fields=["revision"])
    hand.revision = label_set.revision


def _spelled(
    hand: Hand, name: str, frames: list[int]
) -> tuple[list[Any], dict[int, dict[str, Any]]]:
    """(rows of the log, keyframes by chunk) of a new track of tips, their JSON spelled out."""
    from apps.annotation import log, store
    from apps.annotation.domain import ops

    made = hand.step("track.create", name, clip=hand.clip, class_id="grasper")
    back = f'[{{"op":"track.delete","object":"{name}"}}]'
    logged = [log.Row(0, made["id"], made["seq"], ops.canonical_bytes(made), back.encode(), True)]
    held: dict[int, dict[str, Any]] = {}
    for place, frame in enumerate(frames, 1):
        hand.seq += 1
        op, x, y = str(uuid.UUID(int=hand.random.getrandbits(128))), frame % 319, frame % 239
        body = (
            f'{{"attributes":{{}},"frame_index":{frame},"id":"{op}","object":"{name}",'
            f'"op":"keyframe.set","seq":{hand.seq},'
            f'"shape":{{"point":[{x},{y}],"type":"tip"}},"state":"visible"}}'
        )
        back = f'[{{"op":"keyframe.delete","object":"{name}","frame_index":{frame}}}]'
        logged.append(log.Row(place, op, hand.seq, body.encode(), back.encode(), True))
        held.setdefault(frame // store.CHUNK_FRAMES, {})[str(frame)] = {
            "state": "visible", "shape": {"type": "tip", "point": [x, y]}, "attributes": {},
        }  # fmt: skip
    return logged, held


def _are_what_saving_leaves(
    label_set: Any, logged: list[Any], held: dict[int, dict[str, Any]], name: str
) -> None:
    """Raises AssertionError unless the product's own rules make the same of the operations."""
    from apps.annotation import store
    from apps.annotation.domain import ops

    sizes, sent = store.clip_sizes(label_set), [json.loads(row.body) for row in logged]
    labels, undo = ops.take(ops.empty_labels(sizes), sent, label_set.ontology.definition, sizes)
    assert [ops.canonical_bytes(op) for op in sent] == [row.body for row in logged]
    assert undo == [json.loads(row.inverse) for row in logged]
    assert labels["tracks"][name]["keyframes"] == {
        index: keyframe for chunk in held.values() for index, keyframe in chunk.items()
    }


MEASURES = {"saves": saves, "crowd": crowd, "million": million}


def measured(name: str, url: str = "") -> dict[str, Any]:
    """One measure in a process of its own, on SQLite or on the PostgreSQL at ``url``."""
    env = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}
    done = subprocess.run(
        [sys.executable, "-m", "bench.saving", name],
        cwd=ROOT,
        env={**env, "DATABASE_URL": url} if url else env,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.stderr.write(done.stderr[-4000:])
        raise RuntimeError("bench.saving failed")
    return dict(json.loads(done.stdout.splitlines()[-1]))


@contextmanager
def postgres() -> Iterator[str]:
    """The DATABASE_URL of a private PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="clinicalannot-postgres-") as folder:
        command = [str(ROOT / ".ci" / "postgres")]
        try:
            started = subprocess.run(
                [*command, "start", folder], capture_output=True, text=True, check=True
            )
            yield started.stdout.strip().splitlines()[-1]
        finally:
            subprocess.run([*command, "stop", folder], check=False)


if __name__ == "__main__":
    with site() as running:
        for wanted in sys.argv[1:] or list(MEASURES):
            print(json.dumps(MEASURES[wanted](running)), flush=True)
