"""The command line `nb301-ogb`: one verb a module."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command line; an error that the package raises on purpose becomes one sentence and exit status 1."""
    from nb301_ogb.cli.app import app
    from nb301_ogb.cli.common import errors
    from nb301_ogb.errors import Nb301OgbError

    try:
        app()
    except Nb301OgbError as error:
        errors.print(f"nb301-ogb: {error}", style="bold red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        errors.print("nb301-ogb: stopped.")
        sys.exit(130)
    except BrokenPipeError:
        # The reader of a pipe has gone; there is nobody left to tell.
        sys.stderr.close()
        sys.exit(141)
