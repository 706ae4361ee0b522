"""Which addresses a message may go to: public ones, and those that the deployment allows. Used by egress."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_LOW_32_BITS = 0xFFFF_FFFF


def fit(address: Address, allow: Sequence[Network]) -> bool:
    """Whether an address is public or in a network of `allow`. One that stands for an IPv4 address counts as that."""
    inner = _meant(address)
    if any(inner in network for network in allow if network.version == inner.version):
        return True
    if isinstance(inner, IPv6Address) and inner not in _GLOBAL_UNICAST:
        return False
    return inner.is_global and not inner.is_multicast


def _meant(address: Address) -> Address:
    """The IPv4 address inside a mapped (RFC 4291), 6to4 (RFC 3056) or NAT64 (RFC 6052) one, else the address."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & _LOW_32_BITS)
    return address.ipv4_mapped or address.sixtofour or address
