"""Several nodes behind a TCP balancer (HAProxy): they share the database, and know who calls."""

from __future__ import annotations

import contextlib
import io
import socket
import subprocess
from pathlib import Path

import pytest
from pydicom import dcmread
from pynetdicom import AE

from apps.intake.models import ReceivedInstance
from apps.intake.node import guard
from apps.intake.node.server import Node
from tests.domain.test_proxy_header import binary
from tests.intake import peers
from tests.intake.pacs_peers import free_port
from tests.intake.streams import request_pdu
from tests.intake.test_node import events, eventually

pytestmark = pytest.mark.django_db(transaction=True)
# The loopback's other addresses stand for other machines.
BALANCER, TOWER, OTHER = "127.0.0.3", "127.0.0.7", "127.0.0.8"


@pytest.fixture
def behind(settings):
    settings.CLINICAL_ANNOT_NODE_BALANCERS = [BALANCER]
    settings.CLINICAL_ANNOT_DISK_RESERVE_BYTES = 0


@pytest.fixture
def two_nodes(behind, transactional_db, project):
    nodes = [Node(), Node()]
    for one in nodes:
        one.start("127.0.0.1", 0)
    yield nodes
    for one in nodes:
        if not one.is_stopping:
            one.stop()


def from_balancer(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 20, source_address=(BALANCER, 0))


def haproxy(folder: Path, ports: list[int]) -> tuple[subprocess.Popen, int]:
    listening = free_port()
    servers = "\n".join(
        f"  server n{port} 127.0.0.1:{port} source {BALANCER} send-proxy-v2 check inter 200"
        " check-send-proxy"
        for port in ports
    )
    (folder / "haproxy.cfg").write_text(
        "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n"
        "  retries 3\n  option redispatch\n"
        f"listen dicom\n  bind 127.0.0.1:{listening}\n  balance roundrobin\n{servers}\n"
    )
    command = ["/usr/sbin/haproxy", "-q", "-db", "-f", str(folder / "haproxy.cfg")]
    return subprocess.Popen(command), listening


def tower(address: str, port: int, content: bytes | None):
    """An association from ``address`` that sends one instance."""
    ae = AE("TOWER1")
    ae.add_requested_context(peers.ULTRASOUND, peers.EXPLICIT)
    made = ae.associate(
        "127.0.0.1", port, ae_title="CLINANNOT", bind_address=(address, 0)
    )  # fmt: skip
    if content is not None and made.is_established:
        assert made.send_c_store(dcmread(io.BytesIO(content))).Status == 0
    return made


def test_senders_through_a_balancer_are_known_by_their_own_address_and_outlive_a_node(
    two_nodes, tmp_path
):
    process, port = haproxy(tmp_path, [one.port for one in two_nodes])
    try:
        assert eventually(lambda: not peers.echoscu(port).returncode, 30)
        for n in range(4):
            tower(TOWER if n % 2 else OTHER, port, peers.instance()).release()
        assert eventually(lambda: len(events("intake.association", "done")) >= 5, 30)
        seen = [said["peer"] for said in events("intake.association", "done")]
        assert seen.count(TOWER) == seen.count(OTHER) == 2 and BALANCER not in seen
        two_nodes[0].stop()
        # Until the balancer has noticed, it tries the other for whom the first refuses.
        for _ in range(3):
            made = tower(TOWER, port, peers.instance())
            assert made.is_established
            made.release()
        assert ReceivedInstance.objects.count() == 7
        assert not events("intake.association", "aborted"), "health checks are no event"
    finally:
        process.terminate()
        process.wait(20)


def test_a_peers_limit_is_the_senders_and_not_the_balancers(two_nodes, settings):
    settings.CLINICAL_ANNOT_NODE_ASSOCIATIONS_A_PEER = 1
    port = two_nodes[0].port
    with from_balancer(port) as one, from_balancer(port) as two, from_balancer(port) as three:
        for line, source in ((one, TOWER), (two, OTHER), (three, TOWER)):
            line.sendall(binary(source) + request_pdu())
            # A-ASSOCIATE-AC is type 2, -RJ type 3.
            assert line.recv(1) == (b"\x03" if line is three else b"\x02")
    (said,) = eventually(lambda: events("intake.association", "refused"))
    assert (said["reason"], said["peer"]) == ("too_many_associations", TOWER)


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (request_pdu(), "no_proxy_header"),
        (b"PROXY TCP4 nobody\r\n", "no_proxy_header"),
        (binary(TOWER)[:20], "timed_out"),
    ],
)
def test_a_balancer_that_does_not_say_whose_is_not_heard(two_nodes, monkeypatch, sent, reason):
    monkeypatch.setattr(guard, "REQUEST_S", 1.0)
    with from_balancer(two_nodes[0].port) as line:
        line.sendall(sent)
        # Closed over unread bytes is a reset.
        with contextlib.suppress(ConnectionResetError):
            assert line.recv(1) == b""
    (said,) = eventually(lambda: events("intake.association", "aborted"))
    assert (said["reason"], said["peer"]) == (reason, BALANCER)


def test_only_a_named_balancer_is_believed(two_nodes):
    """Who is no balancer and sends a header is broken traffic, under its own address."""
    with socket.create_connection(("127.0.0.1", two_nodes[0].port), 20) as line:
        line.sendall(binary("10.9.9.9") + request_pdu())
        with contextlib.suppress(ConnectionResetError):
            while line.recv(4096):
                pass
    (said,) = eventually(lambda: events("intake.association", "aborted"))
    assert (said["reason"], said["peer"]) == ("broken_traffic", "127.0.0.1")
