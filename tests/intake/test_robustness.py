"""Broken traffic: whoever opens, drops, falls silent, dribbles or boasts harms nobody else."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from pynetdicom import AE

from apps.audit.models import Event
from apps.intake.node import guard
from apps.intake.node.association import Association
from apps.intake.node.server import Node
from apps.intake.queries import node_is_up
from tests.intake import peers
from tests.intake.streams import mutated, pour, request_pdu, whole_stream
from tests.intake.test_node import events, eventually

BOUND_S = 5.0


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=5)


def echo_seconds(port: int) -> float:
    began = time.monotonic()
    assert peers.echoscu(port).returncode == 0
    return time.monotonic() - began


def test_ten_connections_opened_and_dropped_are_an_event_each_and_harm_nobody(node, monkeypatch):
    monkeypatch.setattr(guard, "REQUEST_S", 60.0)
    for _ in range(10):
        connect(node.port).close()
    assert echo_seconds(node.port) < BOUND_S
    assert eventually(lambda: len(events("intake.association", "aborted")) == 10)
    assert {said["reason"] for said in events("intake.association", "aborted")} == {"nothing_sent"}
    end = time.monotonic() + 20
    while associations() and time.monotonic() < end:
        time.sleep(0.05)
    assert not associations(), "their threads are gone long before the request's deadline"


def test_a_balancers_look_at_the_port_is_no_event_where_the_site_names_it(
    transactional_db, project, settings
):
    settings.CLINICAL_ANNOT_NODE_CHECKERS = ["192.0.2.0/24", "127.0.0.1"]
    node = Node()
    node.start("127.0.0.1", 0)
    try:
        connect(node.port).close()
        with connect(node.port) as line:
            line.sendall(b"G")
        (said,) = eventually(lambda: events("intake.association", "aborted"))
        assert said["reason"] == "connection_lost", "what says something is one from there too"
        assert eventually(lambda: not associations())
        assert len(events("intake.association", "aborted")) == 1
    finally:
        node.stop()


def test_our_own_look_at_the_port_is_no_event_but_the_same_word_from_elsewhere_is(
    node, settings, monkeypatch
):
    settings.CLINICAL_ANNOT_DICOM_PORT = node.port
    ended: list[str] = []
    whole = Node.ended
    monkeypatch.setattr(
        Node, "ended", lambda self, line: (whole(self, line), ended.append(line.reason))
    )
    assert node_is_up()
    assert eventually(lambda: ended) == ["looked_at"]
    assert not events("intake.association", "aborted")
    monkeypatch.setattr(Association, "_is_from_here", False)
    assert node_is_up()
    (said,) = eventually(lambda: events("intake.association", "aborted"))
    assert said["reason"] == "no_request"


def associations() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "association"]


def test_forty_silent_peers_of_every_kind_do_not_keep_others_waiting(node):
    with contextlib.ExitStack() as open_lines:
        lines = [open_lines.enter_context(connect(node.port)) for _ in range(40)]
        whole = request_pdu()
        for line in lines[:10]:
            line.sendall(whole[:30])
        for line in lines[10:20]:
            line.sendall(whole[:4])
        assert echo_seconds(node.port) < BOUND_S
        # All of them are let go within the request's deadline and the timer's step.
        for line in lines:
            line.settimeout(guard.REQUEST_S + 4)
            with contextlib.suppress(ConnectionError):
                while line.recv(4096):
                    pass
        assert echo_seconds(node.port) < BOUND_S


def test_a_peer_that_sends_a_byte_at_a_time_is_let_go(node, monkeypatch):
    monkeypatch.setattr(guard, "REQUEST_S", 1.0)
    with connect(node.port) as line:
        began, whole = time.monotonic(), request_pdu()
        with pytest.raises(ConnectionError):
            for byte in whole:
                line.sendall(bytes([byte]))
                assert time.monotonic() - began < BOUND_S, "held for ever"
                time.sleep(0.1)
    assert echo_seconds(node.port) < BOUND_S


def test_an_association_that_stops_in_mid_pdu_is_ended(node, monkeypatch):
    monkeypatch.setattr(guard, "PDU_S", 1.0)
    ae = AE("STOPS")
    ae.add_requested_context("1.2.840.10008.1.1")
    association = ae.associate("127.0.0.1", node.port, ae_title="CLINANNOT")
    association.dul.socket.socket.sendall(struct.pack(">BBL", 4, 0, 5000) + bytes(10))
    end = time.monotonic() + 20
    while node.busy() and time.monotonic() < end:
        time.sleep(0.05)
    assert not node.busy()


@pytest.mark.parametrize("kind", [1, 4, 7])
def test_a_pdu_that_announces_256_mb_is_not_read(node, kind):
    before = psutil.Process().memory_info().rss
    lines = [connect(node.port) for _ in range(4)]
    sent = [0] * 4

    def pour(place: int) -> None:
        with contextlib.suppress(OSError):
            lines[place].sendall(struct.pack(">BBL", kind, 0, 256 << 20))
            for _ in range(256):
                lines[place].sendall(bytes(1 << 20))
                sent[place] += 1 << 20

    pouring = [threading.Thread(target=pour, args=(place,)) for place in range(4)]
    for thread in pouring:
        thread.start()
    assert echo_seconds(node.port) < BOUND_S
    for thread in pouring:
        thread.join(10)
    for line in lines:
        line.close()
    assert max(sent) < 64 << 20, "the connection was closed, not read"
    assert psutil.Process().memory_info().rss - before < 64 << 20


def test_broken_streams_are_an_event_each_and_harm_nobody(node):
    chance = random.Random(20261125)
    streams = [mutated(whole_stream(f"1.2.3.{n}"), chance) for n in range(60)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda stream: pour(node.port, stream), streams))
    assert echo_seconds(node.port) < BOUND_S
    ended = Event.objects.filter(action="intake.association")
    assert eventually(lambda: ended.count() == len(streams) + 1)
    assert not node.busy()


def test_one_connection_too_many_costs_a_peer_its_oldest(monkeypatch):
    monkeypatch.setattr(guard, "WAITING_A_PEER", 2)
    room = guard.WaitingRoom()
    pairs = [socket.socketpair() for _ in range(4)]
    lines = [guard.Line(ours) for ours, _ in pairs]
    for line in lines[:3]:
        room.enter("192.0.2.1", line)
    room.enter("192.0.2.2", lines[3])
    assert pairs[0][1].recv(1) == b"", "the oldest was let go"
    for _, theirs in pairs[1:]:
        theirs.setblocking(False)
        with pytest.raises(BlockingIOError):
            theirs.recv(1)
    for peer, place in (("192.0.2.1", 1), ("192.0.2.1", 2), ("192.0.2.2", 3)):
        room.leave(peer, lines[place])
    assert not room._waiting
    for pair in pairs:
        for end in pair:
            end.close()
