"""TLS of the node: PS3.15 annex B.12, the BCP 195 profile (RFC 9325).

TLS 1.2 with forward secrecy and AEAD only, and TLS 1.3; no compression, no renegotiation.
"""

from __future__ import annotations

import ssl
from hashlib import sha256

from django.conf import settings

_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
CLIENT = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}


class TlsConfigurationError(ValueError):
    """What is wrong, naming the variable."""


def context() -> ssl.SSLContext:
    """The server's side as the settings have it. Raises TlsConfigurationError."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_ciphers(_CIPHERS)
    made.options |= (
        ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    )
    # An association is long and handshakes are few: no ticket key to look after.
    made.options |= ssl.OP_NO_TICKET
    client = settings.CLINICAL_ANNOT_DICOM_TLS_CLIENT
    if client not in CLIENT:
        raise TlsConfigurationError("CLINICAL_ANNOT_DICOM_TLS_CLIENT is none, optional or required")
    try:
        made.load_cert_chain(
            settings.CLINICAL_ANNOT_DICOM_TLS_CERT, settings.CLINICAL_ANNOT_DICOM_TLS_KEY or None
        )
    except OSError:
        raise TlsConfigurationError(
            "CLINICAL_ANNOT_DICOM_TLS_CERT and CLINICAL_ANNOT_DICOM_TLS_KEY are not a certificate"
            " in PEM and its key (without a passphrase)"
        ) from None
    made.verify_mode = CLIENT[client]
    if client != "none":
        try:
            made.load_verify_locations(settings.CLINICAL_ANNOT_DICOM_TLS_CA)
        except OSError:
            raise TlsConfigurationError(
                "CLINICAL_ANNOT_DICOM_TLS_CA does not hold the authorities, in PEM, that sign"
                " the clients' certificates"
            ) from None
    return made


def says(connection: ssl.SSLSocket) -> frozenset[str]:
    """What the verified client certificate says of itself, as rules name it; empty without one."""
    raw, read = connection.getpeercert(binary_form=True), connection.getpeercert()
    if not raw or not read:
        return frozenset()
    found = {f"sha256={sha256(raw).hexdigest()}"}
    for group in read.get("subject", ()):
        found |= {f"cn={value}" for key, value in group if key == "commonName"}  # type: ignore
    found |= {f"dns={value}" for key, value in read.get("subjectAltName", ()) if key == "DNS"}  # type: ignore
    return frozenset(found)
