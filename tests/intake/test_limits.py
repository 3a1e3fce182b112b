"""What a site limits: associations, an instance's size, the disk, idleness; and a graceful end."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from pathlib import Path

import pytest
from pynetdicom import AE

from apps.intake.models import ReceivedInstance
from apps.intake.node.server import Node
from apps.vault.models import VaultFile
from tests.intake import peers
from tests.intake.streams import RELEASE, command_set, data_set, established, pdu, received, store
from tests.intake.test_node import SUCCESS, events, eventually, written

TOLD_NO_ROOM = "Received Store Response (Refused: OutOfResources)"


def test_an_instance_larger_than_allowed_is_told_and_the_next_one_is_taken(node, settings):
    settings.CLINICAL_ANNOT_NODE_INSTANCE_BYTES = 100_000
    large, small = peers.instance(size_bytes=200_000), peers.instance(size_bytes=50_000)
    with established(node.port) as line:
        assert (store(line, large), store(line, small)) == (0xA700, 0x0000)
        line.sendall(RELEASE)
        assert received(line)[0] == 6
    assert ReceivedInstance.objects.count() == VaultFile.objects.count() == 1
    assert events("intake.refuse", "refused")[0]["reason"] == "instance_too_large"


@pytest.mark.skipif(os.geteuid() != 0, reason="a small volume needs root to mount a tmpfs")
def test_a_small_disk_is_never_filled_and_the_peer_is_told_a700(node, settings, tmp_path):
    volume = tmp_path / "volume"
    volume.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=80m", "tmpfs", str(volume)], check=True)
    least = [1 << 40]
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.01):
            state = os.statvfs(volume)
            least[0] = min(least[0], state.f_bavail * state.f_frsize)

    watching = threading.Thread(target=watch)
    try:
        settings.CLINICAL_ANNOT_DATA_DIR = volume / "data"
        settings.CLINICAL_ANNOT_DISK_RESERVE_BYTES = 40 << 20
        watching.start()
        fits, not_fits = peers.instance(size_bytes=8 << 20), peers.instance(size_bytes=70 << 20)
        paths = written(tmp_path, fits, not_fits)
        assert SUCCESS in peers.storescu(node.port, paths[0]).stdout
        assert TOLD_NO_ROOM in peers.storescu(node.port, paths[1]).stdout
        # Looked at every 16 MiB: the reserve is touched by no more than that and a segment.
        assert least[0] > (40 - 16 - 2) << 20
        assert ReceivedInstance.objects.count() == 1
        vault = [path for path in (volume / "data" / "vault").rglob("*") if path.is_file()]
        assert len(vault) == 1, "nothing is left of what did not fit"
        assert events("intake.refuse", "refused")[0]["reason"] == "disk_reserve_reached"
    finally:
        over.set()
        watching.join()
        subprocess.run(["umount", str(volume)], check=True)


def test_so_many_associations_in_all_and_the_next_is_told(node, settings):
    settings.CLINICAL_ANNOT_NODE_ASSOCIATIONS = 2
    ae = AE("MANY")
    ae.add_requested_context("1.2.840.10008.1.1")
    held, said = peers.associate_and_hear(ae, node.port, 3)
    assert [item.is_established for item in held] == [True, True, False]
    assert said == [(2, 3)]
    for item in held[:2]:
        item.release()


def test_an_idle_association_ends_and_says_why(transactional_db, project, settings):
    settings.CLINICAL_ANNOT_NODE_IDLE_S = 0.3
    made = Node()
    made.start("127.0.0.1", 0)
    try:
        with established(made.port) as line:
            assert received(line) == (7, b"\0\0\2\0") and line.recv(10) == b""
        (said,) = eventually(lambda: events("intake.association", "aborted"))
        assert said["reason"] == "timed_out" and said["duration_s"] < 5
    finally:
        made.stop()


def test_a_stop_aborts_the_idle_and_lets_a_running_instance_finish(
    transactional_db, project, tmp_path
):
    made = Node()
    made.start("127.0.0.1", 0)
    content = peers.instance(size_bytes=100_000)
    body, uid = data_set(content), peers.uid_of(content)
    with established(made.port) as idle, established(made.port) as running:
        running.sendall(pdu(command_set(peers.ULTRASOUND, uid), 3) + pdu(body[:50_000], 0))
        assert eventually(lambda: any(item.is_in_message for item in made._snapshot()))
        stopping = threading.Thread(target=made.stop, args=(10.0,))
        stopping.start()
        assert received(idle)[0] == 7, "aborted at once"
        running.sendall(pdu(body[50_000:], 2))
        assert received(running)[0] == 4, "answered"
        assert received(running)[0] == 7, "then aborted"
        stopping.join(10)
    row = ReceivedInstance.objects.get()
    assert row.sha256 == peers.digest_of_data_set(content)
    ended = events("intake.association", "aborted")
    assert sorted(item["stored"] for item in ended) == [0, 1]
    assert {item["reason"] for item in ended} == {"node_stopped"}


def test_a_stop_drops_what_does_not_finish_in_time(transactional_db, project, settings, tmp_path):
    settings.CLINICAL_ANNOT_DATA_DIR = tmp_path / "own"
    made = Node()
    made.start("127.0.0.1", 0)
    with established(made.port) as line:
        line.sendall(pdu(command_set(peers.ULTRASOUND, "1.2.3"), 3) + pdu(bytes(70_000), 0))
        assert eventually(lambda: any(item.is_in_message for item in made._snapshot()))
        made.stop(0.3)
    assert not ReceivedInstance.objects.exists()
    vault = Path(settings.CLINICAL_ANNOT_DATA_DIR) / "vault"
    assert not [path for path in vault.rglob("*") if path.is_file()]


def test_a_request_that_is_no_store_or_echo_is_answered_unrecognized(node):
    with established(node.port) as line:
        find = bytearray(command_set(peers.ULTRASOUND, "1.2.3"))
        at = find.index(b"\0\0\0\x01\x02\0\0\0") + 8
        find[at : at + 2] = b"\x20\0"
        line.sendall(pdu(bytes(find), 3) + pdu(b"", 2))
        _, answer = received(line)
        assert b"\0\0\0\x09\x02\0\0\0\x11\x02" in answer and b"\x20\x80" in answer


def test_an_association_dropped_in_mid_instance_delays_nobody(node):
    began = time.monotonic()
    for _ in range(5):
        with established(node.port) as line:
            line.sendall(pdu(command_set(peers.ULTRASOUND, "1.2.3"), 3) + pdu(bytes(9_000), 0))
    assert peers.echoscu(node.port).returncode == 0 and time.monotonic() - began < 5
    ended = eventually(lambda: len(events("intake.association", "aborted")) == 5)
    assert ended and not ReceivedInstance.objects.exists()
