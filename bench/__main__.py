"""``make bench [NAME=...]``: each line ``name: ratio (ours, theirs, unit)``; bench/results.json.

Ours and the bare minimum run in turn; the ratio is of the medians, in times the minimum's cost (1
is free, smaller is better). Two busy cores make the figures jump: trust the ratio, not the figure.
"""

from __future__ import annotations

import atexit
import io
import itertools
import json
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import boxes, deid, node, video
from bench.baselines import aes_gcm, decode, insert_rows

RESULTS = Path(__file__).resolve().parent / "results.json"
TURNS = 7
Run = Callable[[], Any]


def in_turn(ours: Run, theirs: Run, turns: int = TURNS) -> tuple[float, float]:
    """Median seconds of each, run one after the other so that both meet the same noise."""
    spent: tuple[list[float], list[float]] = ([], [])
    ours(), theirs()
    for _ in range(turns):
        for kept, run in zip(spent, (ours, theirs), strict=True):
            began = time.perf_counter()
            run()
            kept.append(time.perf_counter() - began)
    return statistics.median(spent[0]), statistics.median(spent[1])


def vault_read(folder: Path) -> dict[str, Any]:
    """Reading 64 MiB out of the vault's format, against bare decryption of as many segments."""
    from apps.vault.domain.streaming_aead import DecryptingReader, EncryptingWriter

    n_segments, key, stored = 64, os.urandom(32), io.BytesIO()
    writer = EncryptingWriter(stored, key, b"bench")
    for _ in range(n_segments):
        writer.write(os.urandom(1 << 20))
    writer.close()

    reader = DecryptingReader(stored, key, b"bench", name="bench")

    def ours() -> None:
        reader.seek(0)
        while reader.read(1 << 20):
            pass

    prepared = aes_gcm.prepare(n_segments)
    mine, bare = in_turn(ours, lambda: aes_gcm.read(*prepared))
    return line(mine, bare, n_segments * 1.048576 / mine, n_segments * 1.048576 / bare, "MB/s")


def random_reads(folder: Path) -> dict[str, Any]:
    """p95 of reading 64 KiB at a random place of a stored file of 2 GB, opened anew each time,
    against the median of decrypting one bare segment in memory."""
    from apps.vault.domain.streaming_aead import DecryptingReader, EncryptingWriter
    from apps.vault.storage import LocalStorage

    size_bytes, n_reads, key = 2 * 10**9, 400, os.urandom(32)
    place, block, pick = LocalStorage(folder / "random"), os.urandom(1 << 20), random.Random(1)
    pending = place.create("large")
    writer = EncryptingWriter(pending, key, b"bench")
    for start in range(0, size_bytes, len(block)):
        writer.write(block[: size_bytes - start])
    writer.close()
    pending.commit()

    def ours() -> None:
        with DecryptingReader(place.open("large"), key, b"bench") as reader:
            reader.seek(pick.randrange(size_bytes - 65_536))
            assert len(reader.read(65_536)) == 65_536

    bare, segments = aes_gcm.prepare(64)
    spent: tuple[list[float], list[float]] = ([], [])
    runs = (ours, lambda: aes_gcm.read_one(bare, segments, pick.randrange(64)))
    for _ in range(n_reads):
        for kept, run in zip(spent, runs, strict=True):
            began = time.perf_counter()
            run()
            kept.append(time.perf_counter() - began)
    place.delete("large")
    mine, one = statistics.quantiles(spent[0], n=20)[18], statistics.median(spent[1])
    return line(mine, one, mine * 1000, one * 1000, "ms, p95 against the median of one segment")


def save_operations(folder: Path) -> dict[str, Any]:
    """Saving 100 operations through the verb, against a bare insert of the same bodies."""
    from apps.annotation import services
    from apps.annotation.domain import ops
    from tests import builders

    author, label_set, clip = a_label_set()
    client, seq, turn = str(uuid.uuid4()), itertools.count(1), itertools.count(1)
    track = str(uuid.uuid4())

    def batch(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{"id": str(uuid.uuid4()), "seq": next(seq), **step} for step in steps]

    def steps() -> list[dict[str, Any]]:
        return [
            {
                "op": "keyframe.set",
                "object": track,
                "frame_index": n,
                "state": "visible",
                "shape": {"type": "tip", "point": [n + 0.5, n + 0.25]},
                "attributes": {},
            }
            for n in range(100)
        ]

    def save(operations: list[dict[str, Any]]) -> None:
        label_set.refresh_from_db()
        services.save_operations(
            author,
            label_set,
            client_id=client,
            base_revision=label_set.revision,
            operations=operations,
        )

    made = {"op": "track.create", "object": track, "clip": str(clip.pk), "class_id": "grasper"}
    save(batch([made]))
    bodies = [ops.canonical_bytes(op) for op in builders.numbered(steps())]
    database = insert_rows.connect(folder)
    mine, bare = in_turn(
        lambda: save(batch(steps())), lambda: insert_rows.insert(database, next(turn), bodies)
    )
    return line(mine, bare, mine * 1000, bare * 1000, "ms a batch of 100")


def digests(folder: Path) -> dict[str, Any]:
    """Digest of every picture of a video, against libav decoding it and nothing else."""
    from apps.library.domain import digest
    from apps.library.domain.frame_index import build_index
    from tests.domain.clips import make_clip

    n_frames = 250
    media = io.BytesIO(make_clip(n_frames, options={"preset": "ultrafast", "threads": "1"}))
    index = build_index(media, None)
    mine, bare = in_turn(lambda: digest.digests(media, index), lambda: decode.decode(media))
    return line(mine, bare, n_frames / mine, n_frames / bare, "pictures/s")


def line(mine: float, bare: float, ours: float, theirs: float, unit: str) -> dict[str, Any]:
    return {
        "ratio": round(mine / bare, 2),
        "ours": round(ours, 1),
        "theirs": round(theirs, 1),
        "unit": unit,
    }


def a_label_set() -> tuple[Any, Any, Any]:
    """An annotator with an empty label set on a short clip."""
    from apps.access.actor import Actor, service
    from apps.access.models import User
    from apps.projects.services import create_project, grant_role
    from tests import builders

    command = service("command")
    project = create_project(command, None, slug="bench", name="Bench", ae_title="BENCH")
    user = User.objects.create_user("bench", password="correct horse battery")
    grant_role(command, project, user, "annotator")
    clip = builders.ready_clip(project, 100)
    return Actor(user), builders.label_set(project, Actor(user), clip), clip


# Several lines of one race, each with its name.
RACES: dict[str, Callable[[Path], dict[str, dict[str, Any]]]] = {
    "node, small instances": node.small_instances,
    "node, one large instance": node.large_instance,
    "video": video.compare,
    "boxes": boxes.race,
    "node, many associations": node.many_associations,
}
BENCHMARKS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "vault sequential read": vault_read,
    "vault random read of 64 KiB": random_reads,
    "save 100 operations": save_operations,
    "digests of every picture": digests,
    "deid of small cines": deid.small_cines,
}


def tell(results: dict[str, Any], found: dict[str, dict[str, Any]]) -> None:
    """Print lines and keep them."""
    for name, each in found.items():
        results[name] = each
        told = f"{each['ours']}, {each['theirs']}, {each['unit']}"
        print(f"{name}: {each['ratio']} ({told})", flush=True)


def main() -> int:
    folder = Path(tempfile.mkdtemp(prefix="clinicalannot-bench-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ.pop("DATABASE_URL", None)
    os.environ["CLINICAL_ANNOT_DATA_DIR"] = str(folder / "data")
    os.environ["CLINICAL_ANNOT_KEY_FILE"] = str(folder / "master.key")
    os.environ["DJANGO_SETTINGS_MODULE"] = "clinical_annot.settings.test"
    import django
    from django.core.management import call_command

    (folder / "data").mkdir()
    django.setup()
    call_command("migrate", verbosity=0, interactive=False)
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    results = json.loads(RESULTS.read_text()) if wanted and RESULTS.exists() else {}
    for name, run in BENCHMARKS.items():
        if wanted in name:
            tell(results, {name: run(folder)})
    for name, race in RACES.items():
        if wanted in name:
            tell(results, race(folder))
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
