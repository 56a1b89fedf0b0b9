"""How far a download is: the callback that the loaders take, and a bar for terminals that is one."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.console import Console


class Progress(Protocol):
    """Called now and then while bytes arrive, in the thread that downloads."""

    def __call__(self, done_bytes: int, total_bytes: int | None, /) -> object:
        """Takes the bytes so far, and the bytes in all or None where the server does not say."""
        ...


class ProgressBar:
    """A bar with rate and remaining time on standard error; nothing at all where that is no terminal.

    ```python
    with ProgressBar("ogbg-nb301") as progress:
        fetch(resource, progress=progress)
    ```

    Args:
        title: what is being downloaded.
        console: where to draw; standard error by default.
    """

    def __init__(self, title: str, console: Console | None = None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
        from rich.progress import Progress as RichProgress

        console = console or Console(stderr=True)
        self._bars = RichProgress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._bar = self._bars.add_task(title, total=None)

    def __enter__(self) -> ProgressBar:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def __call__(self, done_bytes: int, total_bytes: int | None, /) -> None:
        """Moves the bar."""
        self._bars.update(self._bar, completed=done_bytes, total=total_bytes)
