"""From the raw archive of NAS-Bench-301 to the dataset file `ogbg-nb301`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.catalog import LEAVE_OUT_GROUPS, DatasetInfo, get_info
from nb301_ogb.errors import BuildError
from nb301_ogb.loaders.resources import SPLITS_COMMIT
from nb301_ogb.loaders.sources.left_out import MAX_NAMES
from nb301_ogb.loaders.sources.nasbench301 import Progress, Records, read_records
from nb301_ogb.loaders.sources.nasbench301_curves import CurveSpool
from nb301_ogb.loaders.sources.nasbench301_splits import ListFiles, OfficialLists, list_files, read_lists
from nb301_ogb.loaders.splits_nb301 import make_splits
from nb301_ogb.spaces.darts import SPACE
from nb301_ogb.spaces.graphs import CodeArray
from nb301_ogb.storage.layout import Contents, Header, Target
from nb301_ogb.storage.write import write

MAX_REJECTED = 0.01
"""The share of the records read that may be rejected before a build stops."""

Source = str | Path | Sequence[str | Path]
Report = dict[str, Any]
Origin = Sequence[dict[str, str | int]]


def build(
    source: Source,
    splits_folder: str | Path | ListFiles,
    output: str | Path,
    *,
    full_logs: bool = False,
    max_rejected: float = MAX_REJECTED,
    progress: Progress | None = None,
    origin: Origin | None = None,
) -> Report:
    """Builds the dataset file of `ogbg-nb301`, with no network.

    The rows are in the order of the groups and the files' numbers; equal records give an equal content hash, whether
    they come as a zip, a tar or a folder. The file appears at `output` whole or not at all.

    Args:
        source: the archive, its unpacked folder, or several of these.
        splits_folder: the folder of the official split lists as upstream lays it out, or where each list is.
        output: the file to write; its folder is made if it is missing.
        full_logs: whether to keep the learning curves, float32 [G, 98] each.
        max_rejected: the share of the records that may be rejected, from 0 to 1.
        progress: called with the bytes of the archive so far and in all.
        origin: what is known of the source files; by default their names, sizes and sha256.

    Returns:
        The build report, which the file holds too: how many records were read, and of everything that was left out
        how many, for which reason and under which names, the first 20 of each reason.

    Raises:
        BuildError: where the archive or a list is not what it should be, or too many records are rejected.
    """
    require_share(max_rejected)
    lists = read_lists(splits_folder if isinstance(splits_folder, Mapping) else list_files(splits_folder))
    info = get_info("ogbg-nb301")
    with CurveSpool() as spool:
        records = read_records(paths(source), curves=spool if full_logs else None, progress=progress)
        require_few_rejected(records, max_rejected)
        records = without_copies(records, lists.listed)
        code = SPACE.check(records.code)
        key = SPACE.canonical_keys(code)
        run_id = records.trainings().astype(np.int32)[:, None]
        report = report_of(info, records, code) | _report_on_lists(records, lists)
        curves = spool.curves(records.row)
        if full_logs:
            report["left_out_curves"] = spool.odd.as_list()
            if not curves:
                where = ", ".join(map(str, paths(source)))
                msg = f"{where} holds no learning curves; give the full-log release, or leave full_logs out."
                raise BuildError(msg)
        group = [LEAVE_OUT_GROUPS.index(one.partition("/")[0]) for one in records.keys]
        contents = Contents(
            header=header(info, described(source) if origin is None else origin),
            code=code,
            canonical_key=key,
            graphs=SPACE.graphs(code),
            targets=targets_of(records.values[:, None, :3], code),
            splits=make_splits(records.keys, lists, records.values[:, 0], code, key, run_id),
            run_id=run_id,
            groups=LEAVE_OUT_GROUPS,
            group=np.array(group, dtype=np.uint8),
            records=records.keys,
            extra_origin={"model_parameters": records.model_parameters},
            curves=curves,
            report=json.dumps(report, indent=1),
        )
        return finished(report, contents, output)


def paths(source: Source) -> list[Path]:
    """One source or several as a list."""
    if isinstance(source, str | Path):
        return [Path(source).expanduser()]
    return [Path(one).expanduser() for one in source]


def require_share(share: float) -> None:
    """Tells before an archive is read what would be told after it.

    Raises:
        BuildError: where this is no share.
    """
    if not 0 <= share <= 1:
        msg = f"max_rejected is the share of the records that may be rejected, from 0 to 1, not {share}."
        raise BuildError(msg)


def require_few_rejected(records: Records, share: float) -> None:
    """Stops a build from an archive that is not what it should be.

    Raises:
        BuildError: where more than the given share of the records was rejected.
    """
    if records.rejected.total > share * records.read:
        msg = (
            f"{records.rejected.total:,} of {records.read:,} records are rejected, more than {share:.2%}: "
            f"{records.rejected.summary()}; get the archive again, or allow more with max_rejected."
        )
        raise BuildError(msg)


def without_copies(records: Records, listed: frozenset[str] = frozenset()) -> Records:
    """Leaves out records that are the same training under another name.

    Of the names of a training all that stand in an official list are kept, so that the lists stay whole; they share a
    run id. Where none does, the first is kept.
    """
    trainings = records.trainings()
    order = np.argsort(trainings, kind="stable")
    counts = np.bincount(trainings)
    starts = np.cumsum(counts) - counts
    keep = np.ones(len(records), dtype=bool)
    for training in np.flatnonzero(counts > 1):
        rows = order[starts[training] : starts[training] + counts[training]].tolist()
        stand = [row for row in rows if records.keys[row] in listed] or rows[:1]
        for row in set(rows).difference(stand):
            keep[row] = False
            records.left_out.add(
                "the same training under another name", records.keys[row], f"copy of {records.keys[stand[0]]}"
            )
    return records if keep.all() else records.take(np.flatnonzero(keep))


def report_of(info: DatasetInfo, records: Records, code: CodeArray) -> Report:
    """What a build report says of the records."""
    return {
        "dataset": info.name,
        "records_read": records.read,
        "records_kept": len(records),
        "records_rejected": records.rejected.total,
        "rejected": records.rejected.as_list(),
        "left_out": records.left_out.as_list(),
        "num_params": _report_on_sizes(records, code),
    }


def _report_on_sizes(records: Records, code: CodeArray) -> Report:
    """How the records' own counts of parameters agree with those computed from the architectures."""
    own = records.model_parameters
    absent = own < 0
    plain = own == SPACE.num_params(code)
    with_head = own == SPACE.num_params(code, auxiliary=True)
    different = ~(absent | plain | with_head)
    return {
        "equal_without_auxiliary_head": int(plain.sum()),
        "equal_with_auxiliary_head": int(with_head.sum()),
        "different": int(different.sum()),
        "absent": int(absent.sum()),
        "different_files": [records.keys[row] for row in np.flatnonzero(different)[:MAX_NAMES]],
    }


def _report_on_lists(records: Records, lists: OfficialLists) -> Report:
    missing = lists.listed.difference(records.keys)
    group = [key.partition("/")[0] for key in records.keys]
    return {
        "groups": {name: group.count(name) for name in LEAVE_OUT_GROUPS},
        "official_lists": {
            "listed": len(lists.listed),
            "here": len(lists.listed) - len(missing),
            "missing": len(missing),
            "missing_files": sorted(missing)[:MAX_NAMES],
            "in_no_list": len(set(records.keys) - lists.listed),
        },
    }


def targets_of(values: NDArray[np.float64], code: CodeArray) -> dict[str, Target]:
    """The measured columns and what they mean.

    Args:
        values: float64 [G, runs, 3]: validation accuracy, test accuracy and runtime; NaN where there is no run.
        code: uint8 [G, 32].
    """
    val_accuracy, test_accuracy, runtime = np.moveaxis(values, 2, 0).astype(np.float32)
    count = SPACE.num_params(code)[:, None]
    return {
        "val_accuracy": Target(
            val_accuracy,
            "percent",
            "higher",
            "validation accuracy on CIFAR-10 after 100 epochs, on 10,000 images held out from training",
        ),
        "test_accuracy": Target(
            test_accuracy, "percent", "higher", "accuracy on CIFAR-10's test images after 100 epochs"
        ),
        "runtime": Target(runtime, "seconds", "lower", "training time on its authors' machines, of several kinds"),
        "num_params": Target(
            count.astype(np.float32),
            "count",
            "lower",
            "trainable parameters without the auxiliary head, computed from the architecture",
        ),
    }


def header(info: DatasetInfo, origin: Origin) -> Header:
    """What the file says of itself."""
    lists: dict[str, str | int] = {
        "url": f"https://github.com/automl/nasbench301/tree/{SPLITS_COMMIT}/nasbench301/surrogate_models/configs/data_splits"
    }
    return Header(
        name=info.name,
        version=info.version,
        space=info.space,
        label=info.label,
        license=info.license,
        citation=info.citation,
        sources=(*origin, *([lists] if "default" in info.splits else [])),
    )


def described(source: Source) -> list[dict[str, str | int]]:
    """For each source file its name, size and sha256; for a folder its name, its files and their size."""
    found: list[dict[str, str | int]] = []
    for path in paths(source):
        if path.is_dir():
            sizes = [one.stat().st_size for one in path.rglob("*") if one.is_file()]
            found.append({"folder": path.resolve().name, "files": len(sizes), "size": sum(sizes)})
            continue
        digest = hashlib.sha256()
        with path.open("rb") as stream:
            while piece := stream.read(1 << 20):
                digest.update(piece)
        found.append({"file": path.name, "sha256": digest.hexdigest(), "size": path.stat().st_size})
    return found


def finished(report: Report, contents: Contents, output: str | Path) -> Report:
    """Writes the file and returns its report with the content hash."""
    return report | {"content_hash": write(Path(output).expanduser(), contents)}
