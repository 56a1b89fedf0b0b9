"""What the processes of `test_distributed.py` do together: run by torchrun, with the folder to write into."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from pathlib import Path

import numpy as np
import torch

from nb301_ogb.baselines.checkpoint import Checkpoint
from nb301_ogb.baselines.config import GNNConfig, MLPConfig, NetworkConfig
from nb301_ogb.baselines.distributed import join
from nb301_ogb.baselines.model import Table
from nb301_ogb.baselines.models import make_model
from nb301_ogb.baselines.optim import Stepper
from nb301_ogb.cli.app import app
from nb301_ogb.errors import ConfigError
from nb301_ogb.loaders.labelled import LabelledTable

COMMON = {"batch_size": 32, "epochs": 3, "lr": 2e-3, "label_scale": "log_error", "norm": "layer", "emb_dim": 8}
GIN = GNNConfig(gnn="gin-virtual", num_layer=2, drop_ratio=0.0, graph_pooling="sum", **COMMON)
CONFIGS = {
    "gin": GIN,
    "ranking": dataclasses.replace(GIN, gnn="gcn", loss="log_error+hinge", grad_clip=0.5),
    "mlp": MLPConfig(loss="l1+hinge", **COMMON),
}


REFUSED = ({"batch_size": 33}, {"norm": "batch"})


class Stopped(Exception):
    """Stands for whatever ends a process."""


def table() -> Table:
    """Rows that cannot be shared out evenly, some of them without a measurement."""
    data = LabelledTable("nb201-cifar10")
    rows = np.random.default_rng(0).permutation(data.split("random").train)
    labels = data.labels.copy()
    labels[rows[3:150:7]] = np.nan
    return Table("nasbench201", data.codes(), labels, rows[:165], rows[200:300])


def fitted(config: NetworkConfig, path: Path | None = None) -> dict[str, np.ndarray]:
    """The weights after a fit, the losses of its epochs, and how many epochs this process was told of."""
    model = make_model(config, "nasbench201", device="cpu")
    told: list[dict] = []
    history = model.fit(table(), 3, told.append, path)
    weights = {name: tensor.numpy() for name, tensor in model.network.state_dict().items()}
    losses = [record["train_loss"] for record in history.records]
    return {**weights, "losses": np.array(losses), "told": np.array(len(told))}


def interrupted(config: NetworkConfig, path: Path) -> dict[str, np.ndarray]:
    """As `fitted`, but every process is stopped in the third epoch and goes on from the checkpoint."""
    descend = Stepper.descend

    def stop(self: Stepper, loss: torch.Tensor) -> None:
        if self.step == 14:
            raise Stopped
        descend(self, loss)

    Checkpoint.due, Stepper.descend = (lambda _: True), stop
    with contextlib.suppress(Stopped):
        fitted(config, path)
    Stepper.descend = descend
    return fitted(config, path)


def refused(config: NetworkConfig) -> str:
    """What is said of a configuration that several processes cannot train."""
    try:
        fitted(config)
    except ConfigError as error:
        return str(error)
    return ""


def main(folder: Path) -> None:
    """Trains through the command line, then piece by piece, and writes an npz file for each process."""
    app(
        [
            "train",
            "--config",
            str(folder / "small.toml"),
            "--device",
            "cpu",
            "--root",
            str(folder / "root"),
            "--output",
            str(folder / "verb"),
        ],
        standalone_mode=False,
    )
    team, _ = join("cpu")  # again, after the command line has
    found = {f"{name}/{key}": value for name in CONFIGS for key, value in fitted(CONFIGS[name]).items()}
    dropping = dataclasses.replace(GIN, drop_ratio=0.3)
    found |= {f"whole/{key}": value for key, value in fitted(dropping).items()}
    found |= {f"resumed/{key}": value for key, value in interrupted(dropping, folder / "kept").items()}
    found["gathered"] = team.gather(torch.arange(3.0)[:, None] * team.size + team.rank).numpy()
    found["agreed"] = np.array(team.agree([team.rank + 0.1, 7.0]))
    found["refused"] = np.array([refused(dataclasses.replace(GIN, **one)) for one in REFUSED])
    np.savez(folder / f"rank-{team.rank}.npz", **found)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
