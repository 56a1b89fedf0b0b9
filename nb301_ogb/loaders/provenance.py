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


def _source(source: dict[str, str | int]) -> str:
    return ", ".join(f"{key} {value}" for key, value in source.items())
