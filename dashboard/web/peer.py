"""Which user of this machine is at the other end of a connection, as the kernel says.

Linux lists every TCP socket with its user in `/proc/net/tcp` and `tcp6` (proc_net_tcp(5)).
A connection within the machine has two rows there; the one whose own address is the peer's is the
peer's. Elsewhere (macOS, another machine, a namespace of its own) there is no such row.
"""

from __future__ import annotations

import contextlib
import ipaddress
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
# A closed socket lingers as a row that belongs to root, whoever made it: only open ones count.
ESTABLISHED = "01"
REMEMBERED = 1024  # connections

Address = tuple[str, int]
# By the identity of the address that the server makes once for each connection: the same numbers
# may be another user's a moment later. The address is kept, so that no other takes its identity.
_known: dict[int, tuple[Address, int | None]] = {}


def told() -> bool:
    """Whether the kernel of this machine tells whose the other end of a connection is."""
    return TABLES[0].is_file()


def uid(scope: Any) -> int | None:
    """The user id of the process that made a connection; None where that is not known.

    `scope` is an ASGI scope; its `client` and `server` are the two ends of the connection.
    """
    client, server = scope.get("client"), scope.get("server")
    if client is None or server is None or server[1] is None:
        return None
    kept = _known.get(id(client))
    if kept is not None and kept[0] is client:
        return kept[1]
    found = owner(client, server)
    if len(_known) >= REMEMBERED:
        del _known[next(iter(_known))]
    _known[id(client)] = (client, found)
    return found


def owner(client: Address, server: Address) -> int | None:
    """The user id that owns the open socket at `client` whose other end is `server`."""
    with contextlib.suppress(ValueError):  # a name instead of an address
        here, there = (_address(client[0]), client[1]), (_address(server[0]), server[1])
        if here[0].is_loopback:
            owners = {uid for own, other, uid in _rows(client[1]) if (own, other) == (here, there)}
            return owners.pop() if len(owners) == 1 else None
    return None


End = tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]


def _rows(port: int) -> Iterator[tuple[End, End, int]]:
    """Both ends and the owner of each open connection from a port."""
    own = f":{port:04X}"  # the others, thousands on a busy machine, are not looked at
    for table in TABLES:
        with contextlib.suppress(OSError), open(table, encoding="ascii") as lines:
            next(lines, None)  # the head
            for line in lines:
                words = line.split()
                if words[3] == ESTABLISHED and words[1].endswith(own):
                    yield _end(words[1]), _end(words[2]), int(words[7])


def _end(text: str) -> End:
    """`0100007F:1F90`: an address in words of four bytes as this processor orders them, a port."""
    address, _, port = text.partition(":")
    packed = bytes.fromhex(address)
    if sys.byteorder == "little":
        packed = b"".join(packed[i : i + 4][::-1] for i in range(0, len(packed), 4))
    return _plain(ipaddress.ip_address(packed)), int(port, 16)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return _plain(ipaddress.ip_address(text.partition("%")[0]))


def _plain(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An IPv4 address that a socket of both kinds writes as IPv6, as what it is."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
