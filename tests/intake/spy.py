"""A second process that looks for plain bytes of a known instance wherever they might lie.

``python spy.py RESULT_FILE PID EXCLUDED FOLDER…`` looks until RESULT_FILE's ``.stop`` appears: at
every file under the folders, at every new one in the system's temporary folders (but EXCLUDED), and
at what ``PID`` and every process below it hold open though it is deleted. The peers' own programs
are left out: they have the plain bytes by right. RESULT_FILE then says where it found something;
its ``.looks`` counts meanwhile how often it has looked.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

# A record of 32 bytes begins with MARK: any run of 47 plain bytes holds a whole one.
MARK = bytes.fromhex("d1a94f7e026b5cc8") + b"PlainMrk"
NAME = "Seen^Nowhere"
TEMPORARY = {Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp"), Path("/dev/shm")}
PEERS = {"storescu", "dcmqrscp", "Orthanc"}
# What others put beside may be large.
_MOST_BYTES = 64 << 20


def content(size_bytes: int) -> bytes:
    """Pixel data of which any 64-byte run can be told."""
    return b"".join(MARK + n.to_bytes(16, "big") for n in range(size_bytes // 32))


def temporary() -> list[Path]:
    return [path for folder in TEMPORARY if folder.exists() for path in folder.iterdir()]


def walk(folder: Path) -> list[Path]:
    return [Path(at) / name for at, _, names in os.walk(folder) for name in names]


def family(pid: int) -> list[int]:
    """``pid`` and the processes below it that are ours."""
    found = []
    try:
        name = Path(f"/proc/{pid}/comm").read_text().strip()
        if pid == os.getpid() or name in PEERS:
            return []
        found.append(pid)
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in children.read_text().split():
                found += family(int(child))
    except OSError:
        pass
    return found


def deleted_but_open(pid: int) -> list[Path]:
    found = []
    try:
        for handle in Path(f"/proc/{pid}/fd").iterdir():
            target = os.readlink(handle)
            if target.endswith("(deleted)") and not target.startswith("/memfd:"):
                found.append(handle)
    except OSError:
        pass
    return found


def main() -> None:
    result, pid = Path(sys.argv[1]), int(sys.argv[2])
    excluded, folders = Path(sys.argv[3]), [Path(name) for name in sys.argv[4:]]
    old = set(temporary())
    seen: dict[Path, tuple[int, int, int]] = {}
    looks = most = 0
    where = ""
    result.with_suffix(".looks").touch()
    result.with_suffix(".ready").touch()
    while not where:
        stop = result.with_suffix(".stop").exists()
        looks += 1
        result.with_suffix(".looks").write_text(str(looks))
        new = []
        for path in set(temporary()) - old:
            new += walk(path) if path.is_dir() else [path]
        for path in [
            *(p for folder in folders for p in walk(folder)),
            *new,
            *(handle for each in family(pid) for handle in deleted_but_open(each)),
        ]:
            if excluded in path.parents:
                continue
            try:
                now = path.stat()
                state = (now.st_ino, now.st_size, now.st_mtime_ns)
                if seen.get(path) == state:
                    continue
                with path.open("rb") as held:
                    data = held.read(_MOST_BYTES)
            except OSError:
                continue
            seen[path] = state
            most = max(most, len(data))
            if MARK in data or NAME.encode() in data:
                where = str(path)
                break
        if stop:
            break
        time.sleep(0.005)
    result.write_text(json.dumps({"looks": looks, "largest": most, "where": where}))


if __name__ == "__main__":
    main()
