"""`nb301-ogb surrogate`: fit a surrogate and write it to a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nb301_ogb.cli.common import (
    DeviceOption,
    JsonOption,
    RootOption,
    console,
    given,
    print_json,
    print_table,
    progress_bar,
)

EXAMPLE = "Example: nb301-ogb surrogate nb201-cifar10 --output surrogates/nb201-cifar10"


def run(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(help="A dataset's name, or the folder of a run, whose model is taken.")],
    output: Annotated[Path, typer.Option(help="The folder for the surrogate.")],
    model: Annotated[
        str, typer.Option(help="The accuracy model: a configuration of the package, or a TOML file.")
    ] = "ensemble",
    runtime: Annotated[
        str, typer.Option(help="The runtime model: likewise; its label scale must fit seconds.")
    ] = "runtime",
    split: Annotated[
        str | None, typer.Option(help="On whose training part it is fitted; by default the default one.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the fit.")] = 0,
    device: DeviceOption = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a surrogate that is there.")] = False,
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fit an accuracy model and a runtime model on a split's training part, calibrate on validation, judge on test.

    The folder of a finished run in place of the dataset gives its accuracy model as it is; the rest is as for a fit.
    """
    from nb301_ogb.baselines.runs import MARK as RUN
    from nb301_ogb.baselines.surrogate import Surrogate
    from nb301_ogb.baselines.surrogate_file import MARK
    from nb301_ogb.errors import ConfigError
    from nb301_ogb.storage.folder import replaces

    replaces(output.expanduser().absolute(), MARK, overwrite)  # told now, not when the fit is over
    folder = Path(dataset).expanduser()
    of_run = (folder / RUN).is_file()
    said = given(context, "model", "split", "seed")
    if of_run and said:
        msg = f"leave {', '.join(said)} out, for the run {folder} says it; or give a dataset's name to fit anew."
        raise ConfigError(msg)
    with progress_bar(as_json) as bar:
        task = bar.add_task("fitting", total=None, note="")

        def show(record: dict[str, Any]) -> None:
            bar.update(task, advance=1, note=f"validation RMSE {record['valid']['rmse']:.4f}")

        if of_run:
            fitted = Surrogate.from_run(folder, runtime=runtime, root=root, device=device, observer=show)
        else:
            fitted = Surrogate.fit(
                dataset,
                accuracy=model,
                runtime=runtime,
                split=split,
                seed=seed,
                root=root,
                device=device,
                observer=show,
            )
    fitted.save(output, overwrite)
    if as_json:
        print_json({"name": fitted.name, "folder": str(output), "scores": fitted.info.scores})
        return
    scores = fitted.info.scores
    rows = [(metric, *(f"{scores[part][metric]:.4f}" for part in ("valid", "test"))) for metric in scores["test"]]
    print_table(fitted.name, ("metric", "valid", "test"), rows)
    console.print(f"\nsurrogate: {output}", highlight=False, soft_wrap=True)
