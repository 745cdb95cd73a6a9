"""Tell the network of the service, so that Home Assistant offers to add it (mDNS)."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kws.errors import ServingError
from kws.serving.address import Address, is_loopback

SERVICE = "_wyoming._tcp.local."
# By any address: one elsewhere, to which nothing is sent, and which says by what address one would.
_ELSEWHERE = {
    "0.0.0.0": (socket.AF_INET, "10.255.255.255"),
    "::": (socket.AF_INET6, "2001:db8::1"),  # where asyncio takes IPv6 alone
}


@asynccontextmanager
async def announced(address: Address) -> AsyncIterator[None]:
    """Announce a service meanwhile.

    ServingError where it cannot be reached from the network, or zeroconf is not installed.
    """
    if address.path or is_loopback(address.host):
        raise ServingError(
            f"--zeroconf announces the service to the network, but {address} is reached from this "
            "computer alone: give --uri tcp://0.0.0.0:10400"
        )
    from zeroconf import Error
    from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

    host = socket.gethostname().partition(".")[0]
    info = AsyncServiceInfo(
        SERVICE,
        f"kws on {host}"[:63] + f".{SERVICE}",
        parsed_addresses=[_own_address(address.host)],
        port=address.port,
        server=f"{host}.local.",
    )
    try:
        zeroconf = AsyncZeroconf()
    except OSError as error:
        raise ServingError(f"--zeroconf needs a network, and there is none: {error}") from None
    try:
        await zeroconf.async_register_service(info, allow_name_change=True)
        yield
    except Error as error:
        raise ServingError(f"--zeroconf cannot announce {info.name}: {error!r}") from None
    finally:
        await zeroconf.async_close()


def _own_address(host: str) -> str:
    """Return the address at which others reach what listens at `host`."""
    if host not in _ELSEWHERE:
        return host.partition("%")[0]
    family, elsewhere = _ELSEWHERE[host]
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect((elsewhere, 1))
        except OSError:
            raise ServingError(
                "--zeroconf finds no address of this computer in a network: give it by --uri"
            ) from None
        return str(sock.getsockname()[0])
