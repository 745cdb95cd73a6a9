"""Where a service listens, and which clients it takes."""

import ipaddress
import os
import socket
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from kws.errors import ServingError

URI = "tcp://127.0.0.1:10400"  # the port at which Home Assistant's users expect wake words
SOCKET_PATH_BYTES = 107  # of Linux, less the zero behind it; others have a little less
_MAPPED_BITS = 96  # of an IPv6 address, before the IPv4 address that it holds
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
UNGUARDED = (
    "{where} can be reached from the network, and the Wyoming protocol knows no password and no "
    "encryption: whoever reaches it may ask for detections and see the models' names; name your "
    "clients by --allow ADDRESS, or keep to --uri tcp://127.0.0.1:10400"
)


class Address(NamedTuple):
    """A host and port, or the path of a Unix socket."""

    host: str
    port: int
    path: str = ""

    def __str__(self) -> str:
        if self.path:
            return f"unix://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tcp://{host}:{self.port}"


def parse_uri(uri: str) -> Address:
    """Return the address of tcp://HOST:PORT or unix:///PATH; ServingError for another."""
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    else:
        if parts.scheme == "unix" and parts.path and not parts.netloc:
            length = len(os.fsencode(parts.path))
            if length > SOCKET_PATH_BYTES:
                raise ServingError(
                    f"--uri has a path of {length} bytes, where a socket's has at most "
                    f"{SOCKET_PATH_BYTES}: give a shorter one"
                )
            return Address("", 0, parts.path)
        if parts.scheme == "tcp" and host and port is not None and parts.path in ("", "/"):
            return Address(host, port)
    raise ServingError(
        f"--uri {uri!r} is no address: give tcp://HOST:PORT, such as tcp://127.0.0.1:10400, or "
        "unix:///PATH"
    )


def is_answered(path: str) -> bool:
    """Tell whether a service listens at the path of a Unix socket already."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.setblocking(False)
        try:
            sock.connect(path)
        except (BlockingIOError, PermissionError):  # it is busy, or another user's
            return True
        except OSError:  # there is none, or what a service left that has ended
            return False
    return True


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Return addresses (192.168.1.20) and networks (192.168.1.0/24); ServingError for another."""
    networks: list[Network] = []
    for text in texts:
        try:
            networks.append(_unmapped(ipaddress.ip_network(text, strict=False)))
        except ValueError:
            raise ServingError(
                f"--allow {text!r} is no address: give one such as 192.168.1.20, or a network "
                "such as 192.168.1.0/24"
            ) from None
    return tuple(networks)


def _unmapped(network: Network) -> Network:
    """The IPv4 network that an IPv6 one stands for (::ffff:192.168.1.0/120), as `_ip` does it."""
    first = getattr(network.network_address, "ipv4_mapped", None)
    if first is None or network.prefixlen < _MAPPED_BITS:
        return network
    return ipaddress.ip_network((first, network.prefixlen - _MAPPED_BITS))


def is_loopback(address: str) -> bool:
    """Tell whether an IP address is reached from this computer alone."""
    return _ip(address).is_loopback


def is_among(address: str, networks: Sequence[Network]) -> bool:
    """Tell whether an IP address lies in one of the networks."""
    ip = _ip(address)
    return any(ip in network for network in networks)


def _ip(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    ip = ipaddress.ip_address(address.partition("%")[0])
    return getattr(ip, "ipv4_mapped", None) or ip
