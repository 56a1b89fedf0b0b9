"""Times a training epoch of the GIN baseline against the same model under OGB's loop with PyG's loader.

    python -m benchmarks.epoch --dataset nb201-cifar10 --json epoch.json

Both sides have the same network, optimiser (AdamW, and a schedule that is stepped every time), loss, batch size, and
evaluation passes: one over the validation part an epoch. OGB's loop is that of its example `main_pyg.py`: a mask for
missing labels, torch's default form of the optimiser's step, predictions collected on the CPU and judged by the
evaluator. What this package does otherwise is what is measured: its loader, the optimiser's step in one kernel, sums
that stay on the device.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

import torch
from torch_geometric.loader import DataLoader

from benchmarks.common import in_turn, machine, write
from nb301_ogb import Evaluator, PygGraphPropPredDataset
from nb301_ogb.baselines.config import load_config
from nb301_ogb.baselines.gnn import GNN
from nb301_ogb.baselines.gnn_model import GNNModel
from nb301_ogb.baselines.model import Table
from nb301_ogb.loaders.labelled import LabelledTable


class OGBLoop:
    """OGB's example, with this package's network and labels on the same scale."""

    def __init__(self, name: str, config: Any) -> None:
        data = PygGraphPropPredDataset(name)
        split = data.get_idx_split()
        self.evaluator = Evaluator(name)
        self.train = DataLoader(data[split["train"]], batch_size=config.batch_size, shuffle=True)
        self.valid = DataLoader(data[split["valid"]], batch_size=config.batch_size, shuffle=False)
        labels = torch.log((100 - data.y[split["train"]]).clamp(min=1e-3))
        self.shift, self.spread = labels.mean(), labels.std()
        torch.manual_seed(0)
        self.model = GNN(
            config.gnn,
            1,
            data.node_feat_dims,
            data.edge_feat_dims,
            num_layer=config.num_layer,
            emb_dim=config.emb_dim,
            drop_ratio=config.drop_ratio,
            norm=config.norm,
            graph_pooling=config.graph_pooling,
            JK=config.JK,
            residual=config.residual,
        )
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=config.lr, weight_decay=config.weight_decay)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, lambda step: 1.0)
        self.loss = torch.nn.L1Loss()

    def epoch(self) -> dict[str, float]:
        """One pass of training, one of evaluation."""
        self.model.train()
        for batch in self.train:
            predicted = self.model(batch)
            self.optimizer.zero_grad()
            labelled = batch.y == batch.y
            wanted = (torch.log((100 - batch.y).clamp(min=1e-3)) - self.shift) / self.spread
            loss = self.loss(predicted.to(torch.float32)[labelled], wanted.to(torch.float32)[labelled])
            loss.backward()
            self.optimizer.step()
            self.schedule.step()
        self.model.eval()
        y_true, y_pred = [], []
        for batch in self.valid:
            with torch.no_grad():
                predicted = 100 - torch.exp(self.model(batch) * self.spread + self.shift)
            y_true.append(batch.y.view(predicted.shape).detach().cpu())
            y_pred.append(predicted.detach().cpu())
        found = {"y_true": torch.cat(y_true).numpy(), "y_pred": torch.cat(y_pred).numpy()}
        return self.evaluator.eval(found)


def measure(name: str, epochs: int, repeats: int) -> dict[str, Any]:
    """Seconds for `epochs` epochs of each side, in turn."""
    config = load_config("gin")
    data = LabelledTable(name)
    split = data.split()
    table = Table(data.space.name, data.codes(), data.labels, split.train, split.valid)
    theirs = OGBLoop(name, config)

    def run_ours() -> None:
        GNNModel(dataclasses.replace(config, epochs=epochs), data.space.name, device="cpu").fit(table, 0)

    def run_theirs() -> None:
        for _ in range(epochs):
            theirs.epoch()

    return {"dataset": name, "epochs": epochs, **in_turn(run_ours, run_theirs, repeats)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="nb201-cifar10")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1, help="of torch, on both sides")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    figures = {"epoch": measure(arguments.dataset, arguments.epochs, arguments.repeats)}
    print(json.dumps(figures, indent=1))
    if arguments.json is not None:
        write(arguments.json, {"machine": machine(), **figures})


if __name__ == "__main__":
    main()
