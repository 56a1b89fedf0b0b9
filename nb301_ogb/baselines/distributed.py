"""Training by several processes that torchrun has started, one for each GPU (or several on the CPU)."""

from __future__ import annotations

import atexit
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from nb301_ogb.baselines.devices import resolve_device


@dataclass(frozen=True)
class Team:
    """The processes that train one network together.

    Every process sees every `size`-th row of the global batch. `gather` puts the predictions for the whole batch
    together in every process, which then computes the same loss; so a loss over pairs, or over labels some of which are
    missing, is that of one process, whatever the number of processes.

    Attributes:
        rank: the number of this process, from 0.
        size: the number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process validates and writes."""
        return self.rank == 0

    def gather(self, values: Tensor) -> Tensor:
        """The values of all processes, [size * B, ...] in the order of the global batch, from this one's, [B, ...].

        Gradients flow to this process's own part. They are multiplied by `size`, for DistributedDataParallel takes the
        mean over the processes of what are summands here.
        """
        return values if self.size == 1 else _Gather.apply(values, self)

    def gather_all(self, values: Tensor) -> list[Tensor]:
        """A tensor of equal shape from every process, by rank, without gradients."""
        if self.size == 1:
            return [values]
        place = _place()
        found = [torch.empty_like(values, device=place) for _ in range(self.size)]
        dist.all_gather(found, values.to(place).contiguous())
        return [one.to(values.device) for one in found]

    def agree(self, values: Sequence[float]) -> list[float]:
        """What the leading process says, as float64; of the others only the number of values counts."""
        if self.size == 1:
            return list(values)
        told = torch.tensor(list(values), dtype=torch.float64, device=_place())
        dist.broadcast(told, 0)
        return told.tolist()

    def wait(self) -> None:
        """Waits until every process is here."""
        if self.size > 1:
            self.agree([0.0])


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, team: Team) -> Tensor:
        ctx.team = team
        return torch.stack(team.gather_all(values), dim=1).flatten(0, 1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        team = ctx.team
        return gradients[0][team.rank :: team.size] * team.size, None


def _place() -> torch.device:
    """Where tensors must lie to be sent."""
    return torch.device("cuda", torch.cuda.current_device()) if dist.get_backend() == "nccl" else torch.device("cpu")


def current_team() -> Team:
    """The team that this process is in; one of its own where nothing was launched together."""
    if dist.is_available() and dist.is_initialized():
        return Team(dist.get_rank(), dist.get_world_size())
    return Team()


def launched() -> Team:
    """The team that torchrun has announced to this process, whether or not it was joined; otherwise one of its own."""
    if dist.is_available() and dist.is_torchelastic_launched():
        return Team(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))
    return Team()


def join(device: str) -> tuple[Team, str]:
    """Joins the team that torchrun has announced, until this process ends; joining again changes nothing.

    Args:
        device: `auto`, `cpu`, `cuda` or `cuda:N`; GPUs speak through NCCL, CPUs through gloo.

    Returns:
        The team, and the device of this process: for `auto` and `cuda` the GPU with its number on this machine.

    Raises:
        ConfigError: for a device that is not there.
    """
    if launched().size > 1 and device in ("auto", "cuda") and torch.cuda.is_available():
        device = f"cuda:{int(os.environ['LOCAL_RANK']) % torch.cuda.device_count()}"
    if launched().size > 1 and not dist.is_initialized():
        place = resolve_device(device)
        if place.type == "cuda":
            torch.cuda.set_device(place)
        dist.init_process_group("nccl" if place.type == "cuda" else "gloo")
        # Not sooner: torch cannot join a second time.
        atexit.register(dist.destroy_process_group)
    return current_team(), device
