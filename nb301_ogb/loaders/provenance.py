"""Where a dataset file comes from, in words."""

from __future__ import annotations

from nb301_ogb._version import __version__
from nb301_ogb.storage.read import DatasetFile


def provenance(file: DatasetFile) -> str:
    """Where the data comes from, as the end of a README in Markdown."""
    head = file.header
    sources = "\n".join(f"* {_source(source)}" for source in head.sources) or "* not told"
    return (
        f"## Provenance\n\nDataset {head.name}, version {head.version}, content hash `{file.content_hash}`, from the "
        f"file `{file.path.name}`, exported by nb301-ogb {__version__}. The measurements come from\n\n{sources}\n\n"
        f"License of the measurements: {head.license}\n\n## How to cite\n\n```bibtex\n{head.citation}\n```\n"
    )


def by_hand(file: DatasetFile) -> str:
    """A sentence about a file that was built from a source which no address vouches for; empty for any other."""
    given = [one for one in file.header.sources if "url" not in one]
    if not given:
        return ""
    return (
        f"This {file.header.name} was built from {', '.join(map(source_name, given))}, given by hand and not known to "
        f"be the public archive: figures on it hold for content hash {file.content_hash[:12]} alone."
    )


def source_name(source: dict[str, str | int]) -> str:
    """What people call a source: its file or folder, and the beginning of its digest where it has one."""
    name = str(source.get("file", source.get("folder", source.get("url", "a source without a name"))))
    return f"{name} (sha256 {str(source['sha256'])[:12]})" if "sha256" in source else name


def _source(source: dict[str, str | int]) -> str:
    return ", ".join(f"{key} {value}" for key, value in source.items())
