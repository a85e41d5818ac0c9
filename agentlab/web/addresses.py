"""Which machines may be reached: public ones, unless the settings allow private ones too."""

from __future__ import annotations

import ipaddress
import socket

from agentlab.errors import ToolError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# Their last 32 bits are an IPv4 address: NAT64, IPv4-compatible and IPv4-translated ones.
_EMBEDDING = tuple(
    ipaddress.IPv6Network(text) for text in ("64:ff9b::/96", "::/96", "::ffff:0:0:0/96")
)
# What not every Python knows: local NAT64 (RFC 8215), documentation (RFC 9637), segment routing
# (RFC 9602), dummy addresses (RFC 9780).
_SPECIAL = tuple(
    ipaddress.IPv6Network(text)
    for text in ("64:ff9b:1::/48", "3fff::/20", "5f00::/16", "100:0:0:1::/64")
)


def is_public(address: Address) -> bool:
    """Whether ``address`` is on the public internet, and so are the addresses embedded in it."""
    if isinstance(address, ipaddress.IPv6Address):
        embedded = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if any(address in network for network in _EMBEDDING):
            embedded.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if address.is_site_local or any(address in network for network in _SPECIAL):
            return False
        if not all(is_public(a) for a in embedded if a is not None):
            return False
    return address.is_global and not address.is_multicast


def resolve(host: str, port: int, *, private: bool = False) -> list[str]:
    """The addresses of ``host``, all of them public unless ``private`` ones are allowed.

    Connect to one of these, never to the name again: its next answer may be another one.

    Raises:
        ToolError: the name is unknown, or one of its addresses is not public.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ToolError(
            f"the host {host!r} was not found", hint="check the spelling of the address"
        ) from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for text in addresses:
        if not private and not is_public(ipaddress.ip_address(text.partition("%")[0])):
            raise ToolError(
                f"{host!r} is a private address and may not be fetched",
                hint="use a public address",
            )
    return addresses
