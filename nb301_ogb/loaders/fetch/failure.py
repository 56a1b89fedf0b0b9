"""Why a source did not deliver: one short reason for people, and whether trying again may help."""

from __future__ import annotations

import email.utils
import time

import requests
import urllib3.exceptions

_TRY_AGAIN = frozenset({408, 425, 429})


class SourceError(Exception):
    """One failed attempt at one URL.

    Attributes:
        reason: a few words, without the URL.
        retry: whether the same URL may deliver later.
        wait: the seconds for which the server asks, or None.
        unreachable: whether not even a connection came about.
    """

    def __init__(
        self, reason: str, *, retry: bool = False, wait: float | None = None, unreachable: bool = False
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry = retry
        self.wait = wait
        self.unreachable = unreachable


def explain(error: Exception, got: str) -> SourceError:
    """The failed attempt behind an exception of requests or urllib3.

    Args:
        error: what was raised.
        got: what had arrived by then, such as `3 of 10 bytes`.
    """
    response = getattr(error, "response", None)
    if isinstance(error, requests.HTTPError) and response is not None:
        return _refusal(response)
    cause = _root(error)
    words = getattr(cause, "verify_message", None) or getattr(cause, "strerror", None) or str(cause)
    if isinstance(error, requests.exceptions.SSLError):
        return SourceError(f"no trustworthy TLS connection: {words}")
    if isinstance(error, requests.exceptions.ProxyError):
        return SourceError(f"the proxy could not be used: {words}", retry=True, unreachable=True)
    if isinstance(error, requests.ConnectTimeout) or _never_connected(error):
        return SourceError(f"could not connect: {words}", retry=True, unreachable=True)
    if isinstance(error, requests.Timeout) or isinstance(cause, (TimeoutError, urllib3.exceptions.TimeoutError)):
        return SourceError(f"the server fell silent after {got}", retry=True)
    if isinstance(error, (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        return SourceError(f"the connection broke after {got}", retry=True)
    if isinstance(error, requests.exceptions.ContentDecodingError):
        return SourceError(f"the body could not be decoded after {got}", retry=True)
    return SourceError(words)


def _refusal(response: requests.Response) -> SourceError:
    status = response.status_code
    return SourceError(
        f"HTTP {status} {response.reason}".rstrip(),
        retry=status in _TRY_AGAIN or status >= 500,
        wait=_retry_after(response.headers.get("Retry-After")),
    )


def _retry_after(value: str | None) -> float | None:
    """Seconds from now: the header holds a number of seconds or a date (RFC 9110, section 10.2.3)."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _chain(error: BaseException) -> list[BaseException]:
    """An exception and what caused it, outermost first, through the places where urllib3 and requests keep causes."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        inner = getattr(current, "reason", None)
        if not isinstance(inner, BaseException):
            inner = next((value for value in current.args if isinstance(value, BaseException)), None)
        current = inner or current.__cause__ or current.__context__
    return chain


def _root(error: BaseException) -> BaseException:
    return _chain(error)[-1]


def _never_connected(error: BaseException) -> bool:
    return any(isinstance(link, urllib3.exceptions.NewConnectionError) for link in _chain(error))
