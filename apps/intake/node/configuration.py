"""The node's settings, checked before it listens: a message that names the variable."""

from __future__ import annotations

from django.conf import settings

from apps.intake.domain.callers import Network, Rule, read_network, read_rule
from apps.intake.node import tls

_AT_LEAST = {
    "CLINICAL_ANNOT_NODE_ASSOCIATIONS": 1,
    "CLINICAL_ANNOT_NODE_ASSOCIATIONS_A_PEER": 1,
    "CLINICAL_ANNOT_NODE_INSTANCE_BYTES": 1,
    "CLINICAL_ANNOT_NODE_IDLE_S": 1,
    "CLINICAL_ANNOT_NODE_PROCESSES": 0,
    "CLINICAL_ANNOT_DISK_RESERVE_BYTES": 0,
}


class NodeConfigurationError(ValueError):
    """What is wrong, naming the variable."""


def rules() -> list[Rule]:
    """Who may call. Raises NodeConfigurationError."""
    try:
        return [read_rule(text) for text in settings.CLINICAL_ANNOT_NODE_CALLERS]
    except ValueError as error:
        raise NodeConfigurationError(f"CLINICAL_ANNOT_NODE_CALLERS: {error}") from None


def checkers() -> list[Network]:
    """Who only looks whether the port answers. Raises NodeConfigurationError."""
    try:
        return [read_network(text) for text in settings.CLINICAL_ANNOT_NODE_CHECKERS]
    except ValueError as error:
        raise NodeConfigurationError(f"CLINICAL_ANNOT_NODE_CHECKERS: {error}") from None


def balancers() -> list[Network]:
    """Who passes on connections and says whose. Raises NodeConfigurationError."""
    try:
        return [read_network(text) for text in settings.CLINICAL_ANNOT_NODE_BALANCERS]
    except ValueError as error:
        raise NodeConfigurationError(f"CLINICAL_ANNOT_NODE_BALANCERS: {error}") from None


def tls_port() -> int | None:
    """Where TLS is spoken, or None without a certificate."""
    return (
        settings.CLINICAL_ANNOT_DICOM_TLS_PORT if settings.CLINICAL_ANNOT_DICOM_TLS_CERT else None
    )


def check() -> None:
    """Raises NodeConfigurationError."""
    for name, least in _AT_LEAST.items():
        if getattr(settings, name) < least:
            raise NodeConfigurationError(f"{name} must be at least {least}")
    if settings.CLINICAL_ANNOT_DICOM_PLAIN not in ("any", "local"):
        raise NodeConfigurationError("CLINICAL_ANNOT_DICOM_PLAIN is any or local")
    checkers()
    balancers()
    asks_for_certificates = any(rule.certificate for rule in rules())
    if tls_port() is None:
        if settings.CLINICAL_ANNOT_DICOM_PLAIN == "local" or asks_for_certificates:
            raise NodeConfigurationError(
                "CLINICAL_ANNOT_DICOM_TLS_CERT is missing: CLINICAL_ANNOT_DICOM_PLAIN=local and"
                " certificates in CLINICAL_ANNOT_NODE_CALLERS need it"
            )
        return
    try:
        tls.context()
    except tls.TlsConfigurationError as error:
        raise NodeConfigurationError(str(error)) from None
    if asks_for_certificates and settings.CLINICAL_ANNOT_DICOM_TLS_CLIENT == "none":
        raise NodeConfigurationError(
            "CLINICAL_ANNOT_DICOM_TLS_CLIENT=none asks for no certificate, and"
            " CLINICAL_ANNOT_NODE_CALLERS names one"
        )
