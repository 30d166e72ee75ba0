"""Listening: the port is taken before anything is loaded, so that a port in use is reported at once."""

from __future__ import annotations

import errno
import socket

import uvicorn

from photocap.errors import PhotocapError
from photocap.web.app import create_app
from photocap.web.site import Site

_BACKLOG = 128
_GRACE_S = 2  # how long requests may go on after Ctrl-C


class CannotListen(PhotocapError):
    """The address cannot be used."""


def listen(host: str, port: int) -> socket.socket:
    """Take a port; 0 takes any free one.

    Raises:
        CannotListen: it is in use, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named TCP, for asyncio sends at once (TCP_NODELAY) on such sockets alone; else each answer waits some 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise CannotListen(f"port {port} is in use already (another photocap serve? try --port 0)") from error
        raise CannotListen(f"cannot listen on {host}, port {port}: {error.strerror}") from error
    return listener


def server_for(site: Site) -> uvicorn.Server:
    """Return the server of a site; `run(sockets=[...])` serves until it is stopped."""
    config = uvicorn.Config(
        create_app(site),
        http="h11",
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,  # what somebody looks at here is nobody's business
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    return uvicorn.Server(config)
