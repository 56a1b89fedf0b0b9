"""A dataset as the folder and the `meta_dict` that OGB asks contributors for, written by OGB's own `DatasetSaver`.

That class asks on the terminal before it replaces a folder, reports by printing, and its package starts a thread at
import that asks PyPI, without a time limit, for its latest version. Here it writes into a fresh folder, so that it has
nothing to ask; what it prints is dropped; and the thread is not started.
"""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.catalog import get_info
from nb301_ogb.errors import DatasetNameError, OutputError
from nb301_ogb.loaders.export_csv import write_csv
from nb301_ogb.loaders.labelled import Runs, choose_runs
from nb301_ogb.loaders.provenance import provenance
from nb301_ogb.spaces import get_space
from nb301_ogb.storage.read import DatasetFile

README = "README.md"
UNSAFE_LOAD = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1"
"""What ogb 1.3.6 needs in the environment to read any dataset on torch >= 2.6, which else refuses its pickles."""


def write_ogb(file: DatasetFile, folder: Path, final: Path, targets: tuple[str, ...], runs: Runs) -> None:
    """Fills a folder with the dataset in OGB's layout, its zip, `meta_dict.pt` and a README.

    All splits are written; that which `get_idx_split()` gives without a name is our default one.

    Args:
        file: the dataset's file; its name must begin with `ogbg-`.
        folder: an empty folder.
        final: where the folder will be; `meta_dict.pt` names it.
        targets: the columns of the label matrix.
        runs: as in `PygGraphPropPredDataset`.

    Raises:
        DatasetNameError: for a target or a run that does not exist.
        OutputError: where OGB's code cannot write the dataset.
    """
    count = file.values(file.header.label).shape[1]
    labels = np.concatenate([choose_runs(file.values(name), runs, count) for name in targets], axis=1)
    with tempfile.TemporaryDirectory(prefix="nb301-ogb-") as mapping, _quiet() as said:
        write_csv(file, Path(mapping), compress=True)
        try:
            submission = _save(file, labels, mapping, folder, final)
        except (Exception, SystemExit) as error:
            last = said.getvalue().strip().rpartition("\n")[2]
            msg = f"ogb cannot write {file.header.name} ({type(error).__name__}: {error}); it last said {last!r}."
            raise OutputError(msg) from error
    for path in submission.iterdir():
        path.rename(folder / path.name)
    submission.rmdir()
    (folder / README).write_text(_readme(file, targets, runs), encoding="utf-8")


def _save(file: DatasetFile, labels: NDArray[np.float32], mapping: str, folder: Path, final: Path) -> Path:
    """Lets OGB write; returns its submission folder, which lies in `folder`."""
    head = file.header
    saver = _dataset_saver()(dataset_name=head.name, is_hetero=False, version=head.version, root=str(folder / "ogb"))
    graphs = file.graphs()
    saver.save_graph_list([graphs[row] for row in range(len(graphs))])
    saver.save_target_labels(labels)
    default, metric = _official(file)
    for name in (*(one for one in file.split_names if one != default), default):  # OGB takes the last as the default
        saver.save_split(file.split(name).parts(), name)
    saver.copy_mapping_dir(mapping)
    saver.save_task_info("regression", metric)
    written = saver.dataset_dir
    saver.dataset_dir = str(final / saver.dataset_suffix)  # meta_dict.pt names the place where the folder will be
    saver.get_meta_dict()
    saver.dataset_dir = written
    saver.zip()
    return Path(saver.submission_dir)


def _official(file: DatasetFile) -> tuple[str, str]:
    """The default split and the metric: the catalogue's, or else the first split and the error that all sets have."""
    try:
        info = get_info(file.header.name)
    except DatasetNameError:
        return file.split_names[0], "rmse"
    return info.default_split if info.default_split in file.split_names else file.split_names[0], info.eval_metric


def _dataset_saver() -> Any:
    """OGB's class, imported without the thread that asks PyPI for the latest version."""
    block = "outdated" not in sys.modules
    if block:
        sys.modules["outdated"] = None  # type: ignore[assignment]
    try:
        from ogb.io import DatasetSaver
    finally:
        if block:
            del sys.modules["outdated"]
    return DatasetSaver


@contextlib.contextmanager
def _quiet() -> Iterator[io.StringIO]:
    """Takes what is printed meanwhile."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        yield said


def _readme(file: DatasetFile, targets: tuple[str, ...], runs: Runs) -> str:
    head, space = file.header, get_space(file.header.space)
    default, metric = _official(file)
    suffix = "_".join(head.name.split("-")[1:])
    units = ", ".join(f"`{name}` ({file.target(name).unit})" for name in targets)
    words = {
        "node_feat[:, 0], the node type": space.node_types,
        "node_feat[:, 1], the cell": space.cells,
        "edge_feat[:, 0], the edge type": space.edge_types,
    }
    rows = "\n".join(
        f"| {column} | {', '.join(f'{number} {word}' for number, word in enumerate(names))} |"
        for column, names in words.items()
    )
    return f"""# {head.name} in the layout of the Open Graph Benchmark

Written with `ogb.io.DatasetSaver`, as OGB asks contributors. This is not an official OGB dataset, and OGB's server does
not have it; the address in `meta_dict.pt` is what `DatasetSaver` puts there.

* `{suffix}.zip` and `meta_dict.pt` are what a contributor sends;
* `{suffix}/` is the zip's content, ready to load; its `mapping/` tells the architecture of each row.

## Load it with ogb

On torch >= 2.6 ogb 1.3.6 reads no dataset unless `{UNSAFE_LOAD}` is set in the environment:
its files are pickles, which run what is in them, so set it for files that you wrote or trust. `meta_dict.pt` names this
folder; if it was moved, set `meta["dir_path"]` to where `{suffix}/` is.

```python
import os
os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] = "1"
import torch
from ogb.graphproppred import PygGraphPropPredDataset
meta = torch.load("meta_dict.pt")
dataset = PygGraphPropPredDataset("{head.name}", meta_dict=meta)
split = dataset.get_idx_split()
```

The splits are {", ".join(file.split_names)}; `get_idx_split()` gives {default}, `get_idx_split("...")` any of them.
`y` holds {units}, runs: {runs}; the metric is {metric}. There are {file.num_graphs:,} graphs.

| column | numbers |
|---|---|
{rows}

{provenance(file)}"""
