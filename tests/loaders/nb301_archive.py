"""Small archives in the raw layout of NAS-Bench-301, made from random architectures, and what packs them."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import json
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from nb301_ogb.catalog import LEAVE_OUT_GROUPS
from nb301_ogb.loaders.fetch import Resource
from nb301_ogb.spaces.darts import SPACE

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "nb301"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"the rehearsal data is not at {SHARED}")

DARTS = "NetworkSelectorDatasetInfo:darts:"
OFFICIAL = [group for group in LEAVE_OUT_GROUPS if group not in ("rs", "drnas")]
FORMS = ("made.zip", "made.tar", "made.tar.gz", "made.tar.bz2", "made.tar.xz", "made")


def record_of(code, val=93.5, test=93.1, runtime=5000.25, **info):
    """One record as a dictionary."""
    config = {
        "CreateImageDataLoader:batch_size": 96,
        "ImageAugmentation:cutout": "True",
        "SimpleLearningrateSchedulerSelector:cosine_annealing:T_max": 100,
        "SimpleTrainNode:mixup:alpha": 0.2,
        DARTS + "init_channels": 32,
        DARTS + "layers": 8,
        **SPACE.configuration(code),
    }
    first = {"train_loss": 0.9, "val_accuracy": val, "epochs": 98, "model_parameters": int(SPACE.num_params([code])[0])}
    return {
        "final_metric_score": -val,
        "optimized_hyperparamater_config": config,
        "budget": 100,
        "info": [first | info],
        "test_accuracy": test,
        "runtime": runtime,
    }


def records(per_group=4, seed=0):
    """Records of every group by their key; each third of group rs is one of the `_ti` files."""
    rng = np.random.default_rng(seed)
    made = {}
    for group in LEAVE_OUT_GROUPS:
        for number, code in enumerate(SPACE.sample(per_group, rng)):
            name = f"results_{number}{'_ti' if group == 'rs' and number % 3 == 0 else ''}.json"
            val = round(float(rng.uniform(90, 95)), 2)
            made[f"{group}/{name}"] = record_of(code, val, val - 0.5, round(float(rng.uniform(2e3, 1e4)), 1))
    return made


def files_of(made, root="nb_301_v13"):
    """The files of an archive, by name."""
    return {f"{root}/{key}" if root else key: json.dumps(one).encode() for key, one in made.items()}


def pack(files, path):
    """Writes files as the archive that the path's ending names, or as a folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in files.items():
                archive.writestr(name, data)
    elif ".tar" in path.name:
        with tarfile.open(path, "w:" + (path.suffix[1:] if path.suffix != ".tar" else "")) as archive:
            for name, data in files.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
    else:
        for name, data in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(data)
    return path


def small_lists(keys):
    """Split lists of some keys: their texts by place, and the resources that stand for them.

    The last key of each group is in no part of the default split, as upstream drops one.
    """
    last = {group: [key for key in keys if key.startswith(f"{group}/")][-1] for group in LEAVE_OUT_GROUPS}
    shown = [key for key in keys if key not in last.values()]
    named = {("default", "train"): shown[4:], ("default", "valid"): shown[2:4], ("default", "test"): shown[:2]}
    for group in OFFICIAL:
        others = [key for key in keys if not key.startswith(f"{group}/")]
        named[f"leave_out_{group}", "train"] = others[3:]
        named[f"leave_out_{group}", "valid"] = others[:3]
        named[f"leave_out_{group}", "test"] = []
    texts, resources = {}, {}
    for (split, part), listed in named.items():
        folder = "default_split" if split == "default" else split
        place = f"{folder}/{'val' if part == 'valid' else part}_paths.json"
        texts[place] = json.dumps([f"/home/someone/nb_301_v12/{key}" for key in listed]).encode()
        resources[split, part] = Resource(
            f"nasbench301/data_splits/{place}",
            (f"https://raw.githubusercontent.com/lists/{place}",),
            size=len(texts[place]),
            sha256=hashlib.sha256(texts[place]).hexdigest(),
        )
    return named, texts, resources


@pytest.fixture
def small_nb301(tmp_path, monkeypatch):
    """A small archive's records, with lists of their own in the place of the official ones: records, parts, folder."""
    made = records()
    named, texts, resources = small_lists(list(made))
    monkeypatch.setattr("nb301_ogb.loaders.sources.nasbench301_splits.SPLIT_LISTS", resources)
    return made, named, pack(texts, tmp_path / "lists")


def rehearsal(out, *options):
    """Writes the rehearsal archive."""
    spec = importlib.util.spec_from_file_location("make_rehearsal", SHARED / "make_rehearsal.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()):
        patch.setattr(sys, "argv", ["make_rehearsal.py", str(out), *options])
        module.main()
    return out
