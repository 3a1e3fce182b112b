"""What a token may be used for, narrower than what its owner may; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase
from ipaddress import ip_address, ip_network

# A scope and the actions that it opens. Reading what one may see needs "read".
SCOPES: dict[str, tuple[str, ...]] = {
    "read": ("clip.open", "clip.watched", "instance.retrieve", "label_set.look"),
    "annotate": ("label_set.save", "label_set.submit", "clip.watched", "finding.flag"),
    "adjudicate": ("adjudication.*", "label_set.save", "label_set.return"),
    "import": ("label_set.import",),
    "store": ("intake.stow", "intake.receive", "intake.refuse"),
    "review": ("deid.*", "intake.reject", "intake.retry"),
    "download": ("release.download",),
    "release": ("release.draft", "release.choose", "release.freeze", "release.discard"),
    "send": ("release.send",),
    "people": ("person.*",),
}


def allows(scopes: Iterable[str], action: str) -> bool:
    """Whether a token of these scopes (none: all that its owner may) may be used for ``action``."""
    named = list(scopes)
    return not named or any(
        fnmatchcase(action, pattern) for scope in named for pattern in SCOPES.get(scope, ())
    )


def is_within(address: str, networks: Collection[str]) -> bool:
    """Whether an IP address lies in one of the networks (none: anywhere)."""
    if not networks:
        return True
    try:
        found = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    found = mapped or found
    return any(found in ip_network(network) for network in networks)


def networks_of(text: str) -> list[str]:
    """Addresses and networks, parted by spaces or commas, in plain form. Raises ValueError."""
    return [str(ip_network(part, strict=False)) for part in text.replace(",", " ").split()]
