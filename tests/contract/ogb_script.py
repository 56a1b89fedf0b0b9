# ruff: noqa
"""A training script as OGB's users write them (the shape of OGB's examples/graphproppred/mol/main_pyg.py).

Written for ogb. The test runs it with nothing changed but the block between the two marks.
"""

import argparse

import numpy as np
import torch
from torch_geometric.loader import DataLoader
from torch_geometric.nn import MessagePassing, global_mean_pool

# >>> imports
from ogb.graphproppred import Evaluator, PygGraphPropPredDataset
from ogb.graphproppred.mol_encoder import AtomEncoder, BondEncoder
# <<< imports

cls_criterion = torch.nn.BCEWithLogitsLoss()
reg_criterion = torch.nn.MSELoss()


class GINConv(MessagePassing):
    def __init__(self, emb_dim):
        super().__init__(aggr="add")
        self.mlp = torch.nn.Sequential(
            torch.nn.Linear(emb_dim, 2 * emb_dim),
            torch.nn.BatchNorm1d(2 * emb_dim),
            torch.nn.ReLU(),
            torch.nn.Linear(2 * emb_dim, emb_dim),
        )
        self.eps = torch.nn.Parameter(torch.Tensor([0]))
        self.bond_encoder = BondEncoder(emb_dim=emb_dim)

    def forward(self, x, edge_index, edge_attr):
        edge_embedding = self.bond_encoder(edge_attr)
        return self.mlp((1 + self.eps) * x + self.propagate(edge_index, x=x, edge_attr=edge_embedding))

    def message(self, x_j, edge_attr):
        return torch.nn.functional.relu(x_j + edge_attr)


class GNN(torch.nn.Module):
    def __init__(self, num_tasks, num_layer=2, emb_dim=32):
        super().__init__()
        self.atom_encoder = AtomEncoder(emb_dim)
        self.convs = torch.nn.ModuleList([GINConv(emb_dim) for _ in range(num_layer)])
        self.graph_pred_linear = torch.nn.Linear(emb_dim, num_tasks)

    def forward(self, batched_data):
        x, edge_index, edge_attr, batch = (
            batched_data.x,
            batched_data.edge_index,
            batched_data.edge_attr,
            batched_data.batch,
        )
        h = self.atom_encoder(x)
        for conv in self.convs:
            h = conv(h, edge_index, edge_attr)
        return self.graph_pred_linear(global_mean_pool(h, batch))


def train(model, device, loader, optimizer, task_type):
    model.train()
    for batch in loader:
        batch = batch.to(device)
        if batch.x.shape[0] == 1 or batch.batch[-1] == 0:
            continue
        pred = model(batch)
        optimizer.zero_grad()
        is_labeled = batch.y == batch.y
        criterion = cls_criterion if "classification" in task_type else reg_criterion
        loss = criterion(pred.to(torch.float32)[is_labeled], batch.y.to(torch.float32)[is_labeled])
        loss.backward()
        optimizer.step()


def eval(model, device, loader, evaluator):
    model.eval()
    y_true, y_pred = [], []
    for batch in loader:
        batch = batch.to(device)
        with torch.no_grad():
            pred = model(batch)
        y_true.append(batch.y.view(pred.shape).detach().cpu())
        y_pred.append(pred.detach().cpu())
    input_dict = {"y_true": torch.cat(y_true, dim=0).numpy(), "y_pred": torch.cat(y_pred, dim=0).numpy()}
    return evaluator.eval(input_dict)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dataset", type=str)
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--num_workers", type=int, default=0)
    parser.add_argument("--limit", type=int, default=None, help="rows of each part to use")
    parser.add_argument("--filename", type=str, default="")
    args = parser.parse_args()
    device = torch.device("cpu")
    torch.manual_seed(0)

    dataset = PygGraphPropPredDataset(name=args.dataset, root="dataset")
    split_idx = dataset.get_idx_split()
    evaluator = Evaluator(args.dataset)
    loaders = {
        part: DataLoader(
            dataset[split_idx[part][: args.limit]],
            batch_size=args.batch_size,
            shuffle=part == "train",
            num_workers=args.num_workers,
        )
        for part in ("train", "valid", "test")
    }
    model = GNN(num_tasks=dataset.num_tasks).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

    curves = {"train": [], "valid": [], "test": []}
    for epoch in range(1, args.epochs + 1):
        print("=====Epoch {}".format(epoch))
        train(model, device, loaders["train"], optimizer, dataset.task_type)
        for part, loader in loaders.items():
            performance = eval(model, device, loader, evaluator)
            curves[part].append(performance[dataset.eval_metric])
        print({part: curve[-1] for part, curve in curves.items()})

    if "classification" in dataset.task_type:
        best_val_epoch = np.argmax(np.array(curves["valid"]))
    else:
        best_val_epoch = np.argmin(np.array(curves["valid"]))
    print("Finished training!")
    print("Best validation score: {}".format(curves["valid"][best_val_epoch]))
    print("Test score: {}".format(curves["test"][best_val_epoch]))
    if not args.filename == "":
        torch.save({part: curve[best_val_epoch] for part, curve in curves.items()}, args.filename)


if __name__ == "__main__":
    main()
