"""Tell the network of the service, so that Home Assistant offers to add it (mDNS)."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kws.errors import ServingError
from kws.serving.address import Address, is_loopback

SERVICE = "_wyoming._tcp.local."
_ANY_ADDRESS = ("0.0.0.0", "::")
_ELSEWHERE = ("10.255.255.255", 1)  # nothing is sent there; it says by which address one would


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
        parsed_addresses=[_own_address() if address.host in _ANY_ADDRESS else address.host],
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


def _own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(_ELSEWHERE)
        except OSError:
            raise ServingError(
                "--zeroconf finds no address of this computer in a network: give it by --uri"
            ) from None
        return str(sock.getsockname()[0])
