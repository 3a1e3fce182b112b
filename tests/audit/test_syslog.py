"""Checkpoints by syslog over TLS (RFC 5424, RFC 5425), taken by rsyslog itself."""

from __future__ import annotations

import datetime
import ipaddress
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from apps.audit import delivery, log, syslog, tree
from apps.audit.models import Delivery

pytestmark = pytest.mark.django_db
CONFIG = """
global(workDirectory="{folder}" DefaultNetstreamDriver="gtls"
  DefaultNetstreamDriverCAFile="{folder}/cert.pem"
  DefaultNetstreamDriverCertFile="{folder}/cert.pem"
  DefaultNetstreamDriverKeyFile="{folder}/key.pem")
module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1"
  StreamDriver.AuthMode="anon")
template(name="fields" type="string"
  string="%syslogfacility-text% %app-name% %msgid% %structured-data% %msg%\\n")
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="kept")
ruleset(name="kept") {{ action(type="omfile" file="{folder}/kept.log" template="fields") }}
"""


def certificate(folder: Path) -> None:
    """A certificate of 127.0.0.1 that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "collector")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(built.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


@pytest.fixture
def collector(tmp_path, settings):
    """A running rsyslog; what it takes stands in ``kept.log``."""
    program = shutil.which("rsyslogd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    assert program, "apt-get install rsyslog rsyslog-gnutls"
    certificate(tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = tmp_path / "rsyslog.conf"
    config.write_text(CONFIG.format(folder=tmp_path, port=port))
    with subprocess.Popen(
        [program, "-n", "-f", str(config), "-i", str(tmp_path / "pid")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            until(lambda: _listens(port), process)
            settings.CLINICAL_ANNOT_SYSLOG = f"tls://127.0.0.1:{port}"
            settings.CLINICAL_ANNOT_SYSLOG_CA = str(tmp_path / "cert.pem")
            yield tmp_path / "kept.log"
        finally:
            process.kill()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def until(condition, process=None, seconds=40):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end and (process is None or process.poll() is None)
        time.sleep(0.05)


def checkpoint() -> str:
    log.append("test.event")
    tree.sequence()
    return tree.make_checkpoint().note


def test_rsyslog_keeps_every_checkpoint_and_a_collector_that_was_away_gets_what_it_missed(
    collector, settings
):
    first = [checkpoint(), checkpoint()]
    assert delivery.deliver() == 1 and delivery.deliver() == 0
    where, settings.CLINICAL_ANNOT_SYSLOG = settings.CLINICAL_ANNOT_SYSLOG, "tls://127.0.0.1:1"
    missed = checkpoint()
    assert delivery.deliver() == 0
    assert "does not take it" in Delivery.objects.get(place="syslog").problem
    settings.CLINICAL_ANNOT_SYSLOG = where
    Delivery.objects.update(tried_at=None)
    assert delivery.deliver() == 1
    until(lambda: collector.exists() and len(collector.read_text().splitlines()) == 3)
    for size, (line, note) in enumerate(
        zip(collector.read_text().splitlines(), [*first, missed], strict=True), 1
    ):
        facility, name, kind, rest = line.split(" ", 3)
        assert (facility, name, kind) == ("audit", "clinicalannot", "checkpoint")
        assert f'[clinicalAnnot@32473 size="{size}" root="' in rest
        assert note.rstrip("\n").replace("\n", "\\n") in rest


def test_nothing_is_told_to_a_collector_whose_certificate_is_not_of_the_authority(
    collector, settings, tmp_path
):
    other = tmp_path / "other"
    other.mkdir()
    certificate(other)
    settings.CLINICAL_ANNOT_SYSLOG_CA = str(other / "cert.pem")
    checkpoint()
    assert delivery.deliver() == 0
    row = Delivery.objects.get()
    assert row.problem.startswith("the collector's certificate") and row.size == 0
    assert not collector.exists()


def test_a_value_cannot_leave_its_place_in_the_structured_data():
    told = syslog.message("kind", "text", {"a": 'x"]\\'})
    assert b'[clinicalAnnot@32473 a="x\\"\\]\\\\"] \xef\xbb\xbftext' in told
