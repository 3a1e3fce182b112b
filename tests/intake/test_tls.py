"""TLS with dcmtk as the peer, and who may call by title, network and certificate."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from apps.intake.domain.callers import is_within, read_network, read_rule, refusal_of
from apps.intake.models import ReceivedInstance
from apps.intake.node import configuration, tls
from apps.intake.node.server import Node
from tests.intake import peers
from tests.intake.committing_peers import Scu
from tests.intake.test_node import SUCCESS, events, eventually, written

NOW = datetime.datetime.now(datetime.UTC)


class Authority:
    """Signs certificates into a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.key = rsa.generate_private_key(65537, 2048)
        self.file = folder / f"{name}.pem"
        made = self._build(self.name, self.key, NOW + datetime.timedelta(days=9), is_authority=True)
        self.file.write_bytes(made.public_bytes(serialization.Encoding.PEM))

    def _build(self, subject, key, until, *, is_authority=False):
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - datetime.timedelta(days=30))
            .not_valid_after(until)
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
                critical=False,
            )
        )
        return builder.sign(self.key, hashes.SHA256())

    def sign(self, name: str, *, days: int = 9) -> tuple[Path, Path]:
        """Key and certificate; ``days`` below 0 makes it expired."""
        key = rsa.generate_private_key(65537, 2048)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = self._build(subject, key, NOW + datetime.timedelta(days=days))
        key_file, file = self.folder / f"{name}.key", self.folder / f"{name}.crt"
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        return key_file, file


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"), "authority")


@pytest.fixture
def secure(transactional_db, project, settings, authority):
    """A function that starts the node with TLS; ``settings`` are set before."""
    key, certificate = authority.sign("node")
    settings.CLINICAL_ANNOT_DICOM_TLS_CERT, settings.CLINICAL_ANNOT_DICOM_TLS_KEY = certificate, key
    settings.CLINICAL_ANNOT_DICOM_TLS_CA = authority.file
    started = []

    def start(**changed: object) -> Node:
        for name, value in changed.items():
            setattr(settings, f"CLINICAL_ANNOT_{name}", value)
        configuration.check()
        started.append(Node())
        started[-1].start("127.0.0.1", 0, 0)
        return started[-1]

    yield start
    for node in started:
        node.stop()


def with_certificate(authority: Authority, key: Path, certificate: Path) -> list[str]:
    return ["+tls", str(key), str(certificate), "+cf", str(authority.file), "-xe"]


def anonymous(authority: Authority) -> list[str]:
    return ["+tla", "+cf", str(authority.file), "-xe"]


def test_a_listed_modality_stores_over_tls(secure, authority, tmp_path):
    node = secure(NODE_CALLERS=["TOWER1@127.0.0.0/8#cn=tower1.or.example"])
    options = with_certificate(authority, *authority.sign("tower1.or.example"))
    content = peers.instance(size_bytes=1_500_000)
    (path,) = written(tmp_path, content)
    assert SUCCESS in peers.storescu(node.tls_port, path, options=options).stdout
    assert ReceivedInstance.objects.get().sha256 == peers.digest_of_data_set(content)
    command = [peers.ECHOSCU, *options[:-1], "-aet", "TOWER1", "-aec", "CLINANNOT", "127.0.0.1"]
    echo = subprocess.run(
        [*command, str(node.tls_port)], capture_output=True, timeout=30, check=False
    )
    assert echo.returncode == 0
    other = with_certificate(authority, *authority.sign("tower2.or.example"))
    refused = peers.storescu(node.tls_port, path, options=other)
    assert refused.returncode and "Rejected Permanent" in refused.stdout
    (said,) = eventually(lambda: events("intake.association", "refused"))
    assert said["reason"] == "certificate_not_listed" and said["calling_ae"] == "TOWER1"
    # The same title without TLS is no proof.
    assert peers.storescu(node.port, path).returncode
    reasons = eventually(lambda: [e["reason"] for e in events("intake.association", "refused")][1:])
    assert reasons == ["certificate_not_listed"]


@pytest.mark.parametrize("who", ["expired", "stranger", "nobody"])
def test_a_certificate_that_is_expired_unknown_or_missing_is_refused_with_an_event(
    secure, authority, tmp_path, who
):
    node = secure()
    (path,) = written(tmp_path, peers.instance())
    options = anonymous(authority)
    if who == "expired":
        options = with_certificate(authority, *authority.sign("late", days=-2))
    elif who == "stranger":
        options = with_certificate(authority, *Authority(tmp_path, "elsewhere").sign("tower"))
    assert peers.storescu(node.tls_port, path, options=options).returncode
    (said,) = eventually(lambda: events("intake.association", "aborted"))
    assert said["reason"] in ("tls_certificate_refused", "tls_failed")
    assert said["reason"] == "tls_certificate_refused" or who == "nobody"
    assert not ReceivedInstance.objects.exists()


def test_an_optional_certificate_may_be_missing_but_not_expired(secure, authority, tmp_path):
    node = secure(DICOM_TLS_CLIENT="optional")
    (path,) = written(tmp_path, peers.instance())
    assert SUCCESS in peers.storescu(node.tls_port, path, options=anonymous(authority)).stdout
    late = with_certificate(authority, *authority.sign("late", days=-2))
    assert peers.storescu(node.tls_port, path, options=late).returncode


def test_old_protocols_and_weak_ciphers_find_no_agreement(secure, authority):
    node = secure(DICOM_TLS_CLIENT="none")
    for change in (
        lambda c: setattr(c, "maximum_version", ssl.TLSVersion.TLSv1_1),
        lambda c: (
            setattr(c, "maximum_version", ssl.TLSVersion.TLSv1_2),
            c.set_ciphers("AES128-SHA:ECDHE-RSA-AES128-SHA"),
        ),
    ):
        context = ssl.create_default_context(cafile=str(authority.file))
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        change(context)
        with (
            socket.create_connection(("127.0.0.1", node.tls_port), 5) as line,
            pytest.raises((ssl.SSLError, ConnectionError)),
        ):
            context.wrap_socket(line, server_hostname="127.0.0.1")
    assert peers.echoscu(node.port).returncode == 0


def test_a_peer_that_is_silent_in_the_handshake_is_let_go(secure, monkeypatch):
    from apps.intake.node import guard

    monkeypatch.setattr(guard, "REQUEST_S", 0.5)
    node = secure()
    with socket.create_connection(("127.0.0.1", node.tls_port), 5) as line:
        line.sendall(b"\x16\x03\x01")
        line.settimeout(5)
        assert line.recv(100) == b"", "closed long before the client's own patience ends"
    (said,) = eventually(lambda: events("intake.association", "aborted"))
    assert said["reason"] == "timed_out"


RULES = [read_rule(text) for text in ("TOWER1@10.1.0.0/16", "*@fd00::/8#cn=a b", "CT#dns=ct.x")]


@pytest.mark.parametrize(
    ("title", "address", "certificate", "reason"),
    [
        ("TOWER1", "10.1.2.3", None, None),
        ("TOWER1", "::ffff:10.1.2.3", None, None),
        ("TOWER1", "10.2.2.3", None, "address_not_listed"),
        ("OTHER", "fd00::1", frozenset({"cn=a b"}), None),
        ("OTHER", "fd00::1", frozenset({"cn=b"}), "certificate_not_listed"),
        ("OTHER", "fd00::1", None, "certificate_not_listed"),
        ("CT", "192.0.2.1", frozenset({"dns=ct.x", "cn=q"}), None),
        ("CT", "192.0.2.1", frozenset(), "certificate_not_listed"),
    ],
)
def test_rules_join_title_network_and_certificate(title, address, certificate, reason):
    said = refusal_of(title, address, certificate, listed=[], rules=RULES, plain="any")
    assert said == reason


def test_without_rules_the_project_s_list_decides_and_tls_can_be_asked_of_others():
    def said(title, address, certificate=None, listed=(), rules=(), plain="any"):
        return refusal_of(title, address, certificate, listed=listed, rules=rules, plain=plain)

    assert said("A", "127.0.0.1") is None
    assert said("A", "10.0.0.1") == "calling_ae_not_listed"
    assert said("A", "10.0.0.1", listed=["A"]) is None
    assert said("B", "10.0.0.1", listed=["A"]) == "unknown_calling_ae"
    assert said("B", "10.0.0.1", rules=[read_rule("A")]) == "unknown_calling_ae"
    assert said("A", "10.0.0.1", listed=["A"], plain="local") == "tls_required"
    assert said("A", "10.0.0.1", frozenset(), listed=["A"], plain="local") is None
    assert said("A", "127.0.0.1", plain="local") is None


@pytest.mark.parametrize(
    "text",
    ["", "@10.0.0.0/8", "TOWER1@10.0.0.1/8", "T@nowhere", "T#x", "T#cn=", "T#sha256=ab", "T" * 17],
)
def test_a_rule_that_says_nothing_clear_is_refused(text):
    with pytest.raises(ValueError, match=r"has no|does not begin"):
        read_rule(text)


def test_an_address_is_found_in_a_network_also_on_an_ipv6_socket():
    networks = [read_network("10.1.0.0/16"), read_network(" fd00::/8")]
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "fd00::1%eth0"):
        assert is_within(address, networks)
    assert not is_within("10.2.0.1", networks) and not is_within("10.1.2.3", [])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CLINICAL_ANNOT_NODE_CALLERS", ["T@nowhere"]),
        ("CLINICAL_ANNOT_NODE_CALLERS", ["T#cn=x"]),
        ("CLINICAL_ANNOT_NODE_CHECKERS", ["10.0.0.1/8"]),
        ("CLINICAL_ANNOT_DICOM_PLAIN", "never"),
        ("CLINICAL_ANNOT_DICOM_PLAIN", "local"),
        ("CLINICAL_ANNOT_DICOM_TLS_CERT", "/nonexistent"),
        ("CLINICAL_ANNOT_NODE_ASSOCIATIONS", 0),
        ("CLINICAL_ANNOT_NODE_INSTANCE_BYTES", -1),
    ],
)
def test_the_start_names_the_variable_that_is_wrong(settings, name, value):
    setattr(settings, name, value)
    with pytest.raises(configuration.NodeConfigurationError, match=name):
        configuration.check()


def test_the_start_refuses_certificates_that_cannot_be_used(settings, authority, tmp_path):
    key, certificate = authority.sign("mine")
    settings.CLINICAL_ANNOT_DICOM_TLS_CERT, settings.CLINICAL_ANNOT_DICOM_TLS_KEY = certificate, key
    with pytest.raises(configuration.NodeConfigurationError, match="TLS_CA"):
        configuration.check()
    settings.CLINICAL_ANNOT_DICOM_TLS_CA = authority.file
    configuration.check()
    settings.CLINICAL_ANNOT_DICOM_TLS_KEY = authority.sign("another")[0]
    with pytest.raises(configuration.NodeConfigurationError, match="TLS_KEY"):
        configuration.check()
    settings.CLINICAL_ANNOT_DICOM_TLS_CLIENT = "perhaps"
    with pytest.raises(tls.TlsConfigurationError, match="TLS_CLIENT"):
        tls.context()


def test_storage_commitment_is_answered_over_the_tls_association_that_asked(
    secure, authority, tmp_path, project
):
    project.options = {**project.options, "storage_commitment": True}
    project.save()
    node = secure()
    options = with_certificate(authority, *authority.sign("tower"))
    content = peers.instance()
    assert not peers.storescu(
        node.tls_port, *written(tmp_path, content), options=options
    ).returncode
    context = ssl.create_default_context(cafile=str(authority.file))
    context.load_cert_chain(authority.folder / "tower.crt", authority.folder / "tower.key")
    scu = Scu()
    asked = [(peers.ULTRASOUND, peers.uid_of(content))]
    assert scu.ask(node.tls_port, asked, tls_args=(context, "127.0.0.1")) == 0
    [(kind, information)] = scu.heard
    assert kind == 1 and len(information.ReferencedSOPSequence) == 1
