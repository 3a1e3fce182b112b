"""Who may call: AE title, network and certificate, as a list of rules.

A rule is ``TITLE[@NETWORK][#CERTIFICATE]``: a calling AE title or ``*``, an address or a network,
and ``cn=NAME``, ``dns=NAME`` or ``sha256=HEX`` of the client's certificate. Titles and addresses
are claims; a certificate that was verified is proof.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_KINDS = ("cn", "dns", "sha256")


@dataclass(frozen=True)
class Rule:
    title: str
    network: Network | None = None
    certificate: str = ""


def read_rule(text: str) -> Rule:
    """Raises ValueError that says what is wrong with ``text``."""
    rest, _, certificate = text.strip().partition("#")
    title, at, network = rest.partition("@")
    if not 0 < len(title) <= 16 or not title.isascii() or "\\" in title:
        raise ValueError(f"{text!r} does not begin with an AE title (1 to 16 characters) or *")
    kind, equals, value = certificate.partition("=")
    if certificate and (not equals or kind not in _KINDS or not value):
        raise ValueError(f"{text!r} has no cn=, dns= or sha256= after its #")
    if kind == "sha256":
        value = value.replace(":", "").lower()
        if len(value) != 64 or set(value) - set("0123456789abcdef"):
            raise ValueError(f"{text!r} has no SHA-256 fingerprint of 64 hexadecimal digits")
    try:
        found = ipaddress.ip_network(network) if at else None
    except ValueError:
        raise ValueError(f"{text!r} has no address or network after its @") from None
    return Rule(title, found, f"{kind}={value}" if certificate else "")


def read_network(text: str) -> Network:
    """An address or a network. Raises ValueError that says what is wrong with ``text``."""
    try:
        return ipaddress.ip_network(text.strip())
    except ValueError:
        raise ValueError(f"{text!r} is no address or network") from None


def is_within(address: str, networks: Sequence[Network]) -> bool:
    """Whether one of ``networks`` holds ``address``."""
    where = _address(address)
    return any(where in network for network in networks)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Without a zone; an IPv4 address on an IPv6 socket as what it is."""
    where = ipaddress.ip_address(text.partition("%")[0])
    return getattr(where, "ipv4_mapped", None) or where


def refusal_of(
    calling_ae: str,
    address: str,
    certificate: frozenset[str] | None,
    *,
    listed: Sequence[str],
    rules: Sequence[Rule],
    plain: str,
) -> str | None:
    """Why this caller may not come in, or None.

    ``certificate``: None without TLS, else what the verified client certificate says of itself
    (``cn=``, ``dns=``, ``sha256=``; empty without one). ``listed``: the project's calling AE
    titles. ``plain``: who may come without TLS, ``any`` or ``local``. Rules, where there are any,
    hold in addition to the project's list and stand in for one that is empty.
    """
    where = _address(address)
    if certificate is None and plain == "local" and not where.is_loopback:
        return "tls_required"
    if listed and calling_ae not in listed:
        return "unknown_calling_ae"
    if not rules:
        return None if listed or where.is_loopback else "calling_ae_not_listed"
    titled = [rule for rule in rules if rule.title in ("*", calling_ae)]
    if not titled:
        return "unknown_calling_ae"
    near = [rule for rule in titled if rule.network is None or where in rule.network]
    if not near:
        return "address_not_listed"
    held = certificate or frozenset()
    if not any(not rule.certificate or rule.certificate in held for rule in near):
        return "certificate_not_listed"
    return None
