"""The exceptions of the package. Each message is one sentence: what was wrong, where, what to do.

Every class also derives from the built-in exception that an OGB or PyG user would expect in its place, so that
`except ValueError` keeps working.
"""

from __future__ import annotations

import errno


class Nb301OgbError(Exception):
    """Base of every exception that this package raises on purpose."""


class ArchitectureError(Nb301OgbError, ValueError):
    """A genotype, a code or a graph that names no architecture of its search space."""


class DatasetNameError(Nb301OgbError, ValueError):
    """A dataset, a split or a target that does not exist."""


class FileFormatError(Nb301OgbError, ValueError):
    """A file that is not what its name or its place says."""


class IntegrityError(FileFormatError):
    """A file whose bytes or values are damaged."""


class DownloadError(Nb301OgbError, OSError):
    """A file that no source could deliver."""


class OfflineError(DownloadError):
    """A file that is not here while the network must not be used."""


class CacheError(Nb301OgbError, OSError):
    """A cache folder that cannot be used."""


class BuildError(Nb301OgbError, ValueError):
    """A source from which no dataset can be built."""


class NoRecordError(BuildError):
    """A source that is whole and holds no record of what was asked for."""


class OutputError(Nb301OgbError, OSError):
    """A file or a folder that cannot be written where the user wants it."""

    @classmethod
    def of(cls, path: object, error: OSError, other: str) -> OutputError:
        """The sentence for what the system said of a path; `other` is what may be chosen in its place."""
        room = "free some space or " if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
        return cls(f"{path} cannot be written ({error.strerror or error}); {room}choose another {other}.")


class EvaluationError(Nb301OgbError, RuntimeError):
    """Input that the evaluator cannot judge (a RuntimeError, as OGB raises)."""


class ConfigError(Nb301OgbError, ValueError):
    """A configuration or a run folder that cannot be used."""


class SearchError(Nb301OgbError, ValueError):
    """An optimiser, a budget or a history that cannot be used, or a benchmark that answers nothing."""


class SweepError(Nb301OgbError, RuntimeError):
    """Trials of a sweep that failed; what the others have left is kept."""


class SubmissionError(Nb301OgbError, ValueError):
    """A submission, or a table of predictions, that cannot be accepted.

    Attributes:
        faults: one sentence for each fault; the message of the exception is all of them, a line each.
    """

    def __init__(self, *faults: str) -> None:
        # Faults quote what strangers wrote; nothing of it may steer a terminal.
        self.faults = tuple("".join(one if one.isprintable() else "?" for one in fault) for fault in faults)
        super().__init__("\n".join(self.faults))


class MissingExtraError(Nb301OgbError, ImportError):
    """An optional library that is not installed; the message holds the command that installs it."""


def missing_extra(library: str, extra: str, purpose: str) -> MissingExtraError:
    """Builds the error for an optional library, with the command that installs it."""
    return MissingExtraError(f"{purpose} needs {library}, which is not installed: pip install 'nb301-ogb[{extra}]'.")
