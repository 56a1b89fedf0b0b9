"""The options that the experiments with searches share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

OutputOption = Annotated[
    Path, typer.Option(help="The folder for the report; searches that lie in it are not done again.")
]
EvaluationsOption = Annotated[int, typer.Option(min=1, help="Of each repeat.")]
RepeatsOption = Annotated[int, typer.Option(min=2, help="Of each optimiser on each benchmark.")]
CheckpointsOption = Annotated[str, typer.Option(help="Evaluations after which to compare, as 100,300,1000.")]
SeedOption = Annotated[int, typer.Option(min=0, help="Of the first repeat.")]
NoiseOption = Annotated[bool, typer.Option("--noise", help="Tell the optimisers single trainings in place of means.")]
SearchWorkersOption = Annotated[int, typer.Option(min=1, help="Processes for the repeats.")]
