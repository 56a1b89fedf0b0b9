"""What the user's environment asks for: where files live, whether the network may be used, which mirrors to try."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

HOME = "NB301_OGB_HOME"
OFFLINE = "NB301_OGB_OFFLINE"
MIRROR = "NB301_OGB_MIRROR"
FIGSHARE = "NB301_OGB_FIGSHARE"
GITHUB = "NB301_OGB_GITHUB"

FIGSHARE_API = "https://api.figshare.com/v2"
"""The public interface of figshare (https://docs.figshare.com)."""

GITHUB_RAW = "https://raw.githubusercontent.com"
"""Where GitHub serves the files of a commit."""

_FALSE = frozenset({"", "0", "false", "no", "off"})


def home_folders(environ: Mapping[str, str] | None = None) -> tuple[Path, ...]:
    """The cache folders, in the order in which they are searched.

    They are the folders of `NB301_OGB_HOME`, separated by colons; without it, the user's cache folder as
    `pooch.os_cache` finds it.
    """
    environ = os.environ if environ is None else environ
    named = [folder.strip() for folder in environ.get(HOME, "").split(os.pathsep) if folder.strip()]
    if named:
        return tuple(Path(folder).expanduser().absolute() for folder in named)
    import pooch

    return (Path(pooch.os_cache("nb301_ogb")),)


def is_offline(environ: Mapping[str, str] | None = None) -> bool:
    """Whether `NB301_OGB_OFFLINE` forbids the network: any value but an empty one, 0, false, no or off."""
    environ = os.environ if environ is None else environ
    return environ.get(OFFLINE, "").strip().lower() not in _FALSE


def mirrors(environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The base URLs in `NB301_OGB_MIRROR`, separated by commas, in the order in which they are tried."""
    environ = os.environ if environ is None else environ
    return tuple(url.strip() for url in environ.get(MIRROR, "").split(",") if url.strip())


def figshare_api(environ: Mapping[str, str] | None = None) -> str:
    """The base URL of figshare's interface: `NB301_OGB_FIGSHARE` or the public one, without a slash at its end."""
    environ = os.environ if environ is None else environ
    return (environ.get(FIGSHARE, "").strip() or FIGSHARE_API).rstrip("/")


def github_raw(environ: Mapping[str, str] | None = None) -> str:
    """The base URL of GitHub's raw files: `NB301_OGB_GITHUB` or the public one, without a slash at its end."""
    environ = os.environ if environ is None else environ
    return (environ.get(GITHUB, "").strip() or GITHUB_RAW).rstrip("/")
