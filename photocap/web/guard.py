"""Who may ask: the doors that every request passes before it reaches a page."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import socket
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CSRF_HEADER = "X-CSRF-Token"
_TOKEN_PARAMETER = "token"
_SAFE_METHODS = ("GET", "HEAD")
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # "no-referrer" would make browsers send "Origin: null" with forms.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class Access:
    """Where the page is and who may open it.

    Attributes:
        host: the address that the server listens on.
        port: its port.
        token: what a browser must show once where the address is not this machine's own; empty on loopback.
        csrf_token: what every change must carry; only pages of this server know it.
    """

    host: str
    port: int
    token: str = ""
    csrf_token: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    @classmethod
    def for_address(cls, host: str, port: int) -> Access:
        """Make the rules for an address: on loopback no token is asked for."""
        return cls(host, port, "" if is_loopback(host) else secrets.token_urlsafe(24))

    @property
    def url(self) -> str:
        """Return the address to open, with the token where one is needed."""
        name = _reachable_name(self.host)
        query = f"?{urlencode({_TOKEN_PARAMETER: self.token})}" if self.token else ""
        return f"http://{name}:{self.port}/{query}"

    @property
    def cookie(self) -> str:
        """Return the name of the cookie that holds the token; cookies are shared between the ports of a host."""
        return f"photocap_{self.port}"

    def admits_host(self, host: str | None) -> bool:
        """Return whether a browser may call this server so; a foreign name points here only by DNS rebinding."""
        name, port = _split_host(host or "")
        if port != self.port:
            return False
        if is_loopback(self.host):
            return name in ("localhost", "127.0.0.1", "::1", self.host)
        return _is_address(name) or name in (self.host, socket.gethostname(), f"{socket.gethostname()}.local")


def is_loopback(host: str) -> bool:
    """Return whether an address can only be reached from this machine."""
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _reachable_name(host: str) -> str:
    """Return what to type for an address; "every address" has none of its own."""
    if _is_address(host) and ipaddress.ip_address(host).is_unspecified:
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host


def _split_host(host: str) -> tuple[str, int | None]:
    try:
        parts = urlsplit(f"//{host}")
        return parts.hostname or "", parts.port or 80
    except ValueError:
        return "", None


class Guard:
    """ASGI middleware: refuses what does not come from the page itself, and sets the headers of every answer.

    Args:
        app: what is guarded.
        access: the rules.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let it through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        answer = self._answer(Request(scope))
        await (answer or self._app)(scope, receive, send_with_headers)

    def _answer(self, request: Request) -> Response | None:
        """Return the answer to a request that may not pass; None where it may."""
        headers = request.headers
        if not self._access.admits_host(headers.get("Host")):
            return PlainTextResponse("This address is not photocap's.", 403)
        if _is_cross_site(headers):
            return PlainTextResponse("Only photocap's own page may ask.", 403)
        if self._access.token and not self._shows_token(request):
            return self._ask_for_token(request)
        if request.method not in _SAFE_METHODS and not self._is_own_change(headers):
            return PlainTextResponse("This page is from an earlier start of photocap; load it again.", 403)
        return None

    def _shows_token(self, request: Request) -> bool:
        return hmac.compare_digest(request.cookies.get(self._access.cookie, "").encode(), self._access.token.encode())

    def _ask_for_token(self, request: Request) -> Response:
        shown = request.query_params.get(_TOKEN_PARAMETER, "")
        if request.method != "GET" or not hmac.compare_digest(shown.encode(), self._access.token.encode()):
            return PlainTextResponse("Open the address that photocap printed when it started; it holds a token.", 401)
        answer = RedirectResponse(request.url.path, 303)
        answer.set_cookie(self._access.cookie, self._access.token, httponly=True, samesite="strict")
        return answer

    def _is_own_change(self, headers: Headers) -> bool:
        return hmac.compare_digest(headers.get(CSRF_HEADER, "").encode(), self._access.csrf_token.encode())


def _is_cross_site(headers: Headers) -> bool:
    """Return whether another site is behind a request; opening a page by a link from there is allowed."""
    origin = headers.get("Origin")
    if origin is not None and origin != f"http://{headers.get('Host')}":
        return True
    return (
        headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none")
        and headers.get("Sec-Fetch-Mode") != "navigate"
    )
