"""Our side of an association that we open: C-ECHO, C-FIND, C-GET, C-MOVE, C-STORE.

Failures are ``PeerError`` with a reason code of ``domain/peer_reasons.py``; what a peer writes into
its comments may identify and is never kept.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.pdu import A_ASSOCIATE_RJ

from apps.intake.pacs.models import RemoteNode

CONNECT_S, REQUEST_S, ANSWER_S, SILENCE_S = 5.0, 10.0, 30.0, 300.0


class PeerError(Exception):
    """``reason``: a code of ``peer_reasons.PEER``. ``is_transient``: trying again may help."""

    def __init__(self, reason: str, *, is_transient: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.is_transient = reason, is_transient


@dataclass(frozen=True)
class Context:
    """A presentation context to propose; ``we_serve``: we are the SCP of this class."""

    sop_class: str
    syntaxes: tuple[str, ...]
    we_serve: bool = False


def tls_of(node: RemoteNode) -> tuple[ssl.SSLContext, str] | None:
    """TLS 1.2 or 1.3 (BCP 195) with the peer's certificate checked against the node's own
    authority or the system's, and our certificate shown when there is one."""
    if not node.uses_tls:
        return None
    context = ssl.create_default_context(cadata=node.ca_certificate or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.CLINICAL_ANNOT_DICOM_TLS_CERT:
        context.load_cert_chain(
            settings.CLINICAL_ANNOT_DICOM_TLS_CERT,
            settings.CLINICAL_ANNOT_DICOM_TLS_KEY or None,
        )
    return context, node.host


def _reach(node: RemoteNode, tls: tuple[ssl.SSLContext, str] | None) -> None:
    """Tell an absent peer from a refused handshake; pynetdicom reports both alike."""
    try:
        with socket.create_connection((node.host, node.port), timeout=CONNECT_S) as plain:
            if tls is not None:
                with tls[0].wrap_socket(plain, server_hostname=tls[1]):
                    pass
    except (ssl.SSLError, ssl.CertificateError):
        raise PeerError("tls_failed") from None
    except OSError:
        raise PeerError(
            "tls_failed" if tls and _answers(node) else "unreachable", is_transient=True
        ) from None


def _answers(node: RemoteNode) -> bool:
    try:
        socket.create_connection((node.host, node.port), timeout=CONNECT_S).close()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def association(
    node: RemoteNode,
    contexts: list[Context],
    *,
    calling_ae: str = "",
    on_store: Any = None,
    answer_s: float = ANSWER_S,
) -> Iterator[Association]:
    """An established association, released at the end (aborted after an error). Raises
    PeerError."""
    from pynetdicom.presentation import build_role

    tls = tls_of(node)
    ae = AE(calling_ae or settings.CLINICAL_ANNOT_AE_TITLE)
    ae.connection_timeout = CONNECT_S
    ae.acse_timeout, ae.dimse_timeout, ae.network_timeout = REQUEST_S, answer_s, answer_s
    ae.maximum_pdu_size = 1 << 18
    for one in contexts:
        ae.add_requested_context(one.sop_class, list(one.syntaxes))
    roles = [
        build_role(sop_class, scp_role=True)
        for sop_class in dict.fromkeys(one.sop_class for one in contexts if one.we_serve)
    ]
    rejections: list[Any] = []

    def keep_rejection(event: evt.Event) -> None:
        if isinstance(event.pdu, A_ASSOCIATE_RJ):
            rejections.append(event.pdu)

    made = ae.associate(
        node.host,
        node.port,
        ae_title=node.ae_title,
        ext_neg=roles,  # type: ignore[arg-type]
        max_pdu=1 << 18,
        tls_args=tls,
        evt_handlers=[
            (evt.EVT_PDU_RECV, keep_rejection),
            *([(evt.EVT_C_STORE, on_store)] if on_store else []),
        ],
    )
    made.unbind(evt.EVT_PDU_RECV, keep_rejection)
    if not made.is_established:
        _explain(node, made, tls, rejections)
    with held(made):
        try:
            yield made
        except BaseException:
            made.abort()
            raise
        if made.is_established:
            made.release()


def _explain(
    node: RemoteNode,
    made: Association,
    tls: tuple[ssl.SSLContext, str] | None,
    rejections: list[Any],
) -> None:
    """Raise PeerError with why there is no association. A peer that rejects and closes at once is
    an abort of ours to pynetdicom (its other thread finds the line closed before it reads the
    answer), so the rejection is taken from the PDU itself."""
    if rejections:
        said = (rejections[0].source, rejections[0].reason_diagnostic)
        reasons = {(1, 7): "called_ae_unknown", (1, 3): "calling_ae_unknown"}
        raise PeerError(reasons.get(said, "rejected"), is_transient=said[0] == 3)
    if made.rejected_contexts and not made.accepted_contexts:
        raise PeerError("not_supported")
    _reach(node, tls)
    raise PeerError("no_answer", is_transient=True)


@contextlib.contextmanager
def held(made: Association) -> Iterator[None]:
    """Keep pynetdicom's reactor paused while the association lives. Its own pause before each
    request has a gap in which it still takes a fast answer away from who waits for it; paused once
    and seen to stay so, it cannot."""
    checkpoint = made._reactor_checkpoint
    checkpoint.clear()
    is_paused = 0
    while is_paused < 3 and made.is_alive():
        time.sleep(0.002)
        is_paused = is_paused + 1 if made._is_paused else 0
    resume = checkpoint.set
    checkpoint.set = lambda: None  # type: ignore[method-assign]
    try:
        yield
    finally:
        checkpoint.set = resume  # type: ignore[method-assign]
        checkpoint.set()


def final(answers: Iterator[tuple[Dataset, Any]], no_status: str = "no_answer") -> Iterator[Any]:
    """The identifiers of pending answers; raises PeerError when the last status is no success."""
    for status, identifier in answers:
        code = status.get("Status") if status else None
        if code is None:
            raise PeerError(no_status, is_transient=True)
        if code in (0xFF00, 0xFF01):
            yield identifier
        elif code == 0xA801:
            raise PeerError("destination_unknown")
        elif code in (0x0122, 0x0211):
            raise PeerError("not_supported")
        elif code not in (0x0000, 0xB000, 0xFE00):
            raise PeerError("failure_status", is_transient=code in range(0xA700, 0xA800))
