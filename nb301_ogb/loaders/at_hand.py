"""What a build of NAS-Bench-301 needs, as far as it is on this machine: nothing here uses a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nb301_ogb.catalog import DatasetInfo
from nb301_ogb.errors import BuildError, Nb301OgbError, OfflineError, OutputError
from nb301_ogb.loaders.build_nb301 import MAX_REJECTED, Report, build, described
from nb301_ogb.loaders.build_nb301_runs import build_runs
from nb301_ogb.loaders.fetch import Article, Cache
from nb301_ogb.loaders.locate import dataset_resource
from nb301_ogb.loaders.obtain import Means
from nb301_ogb.loaders.resources import NB301_DATASET, NB301_FULL_LOGS, SPLIT_LISTS
from nb301_ogb.loaders.sources.archive import SUFFIXES
from nb301_ogb.loaders.sources.nasbench301_splits import ListFiles

RUNS = "ogbg-nb301-runs"


def build_at_hand(
    info: DatasetInfo,
    source: str | Path | None = None,
    splits_folder: str | Path | None = None,
    output: str | Path | None = None,
    *,
    full_logs: bool = False,
    max_rejected: float = MAX_REJECTED,
    means: Means | None = None,
) -> tuple[Path, Report]:
    """Builds `ogbg-nb301` or `ogbg-nb301-runs` from what is on this machine.

    Args:
        info: the catalogue's entry of one of the two.
        source: the archive or its unpacked folder; by default the archives in the cache.
        splits_folder: the folder of the official split lists; by default those in the cache. `ogbg-nb301-runs` has no
            official split and needs none.
        output: the file to write; by default its place in the cache, where the dataset classes find it.
        full_logs: whether to keep the learning curves; the default source is then the full-log release.
        max_rejected: the share of the records that may be rejected.
        means: the cache and how progress is shown; the network is not used whatever it says.

    Returns:
        The file and the build report.

    Raises:
        BuildError: where something that is needed is not here, says what and how to get it; or where the archive or a
            list is not what it should be.
        CacheError: where no output is given and no cache folder can be written.
        OutputError: where the file cannot be written.
    """
    given = means or Means()
    means = Means(given.cache, offline=True, mirrors=(), api=given.api, policy=given.policy, bars=given.bars)
    place = means.cache.path_for(dataset_resource(info).name) if output is None else Path(output).expanduser()
    if info.name == RUNS and (full_logs or splits_folder is not None):
        msg = f"{info.name} has neither learning curves nor official split lists; leave --full-logs and --splits out."
        raise BuildError(msg)
    if place.is_dir():
        msg = f"--output {place} is a folder; name the file to write, such as {place / info.filename}."
        raise OutputError(msg)
    article = NB301_FULL_LOGS if full_logs else NB301_DATASET
    sources = [Path(source).expanduser()] if source is not None else cached_archives(info, means, article)
    lists = None if info.name == RUNS else splits_folder or cached_lists(info, means)
    options: dict[str, Any] = {"max_rejected": max_rejected}
    if source is None:
        options["origin"] = [{"url": f"https://doi.org/{article.doi}"} | one for one in described(sources)]
    try:
        with means.bars(f"{info.name}: build") as bar:
            if lists is None:
                return place, build_runs(sources, place, progress=bar, **options)
            return place, build(sources, lists, place, full_logs=full_logs, progress=bar, **options)
    except Nb301OgbError:
        raise
    except OSError as error:
        raise OutputError.of(place, error, "--output") from error


def cached_archives(info: DatasetInfo, means: Means, article: Article = NB301_DATASET) -> list[Path]:
    """The archives of a release of NAS-Bench-301 in the cache.

    Raises:
        BuildError: where they are not there.
    """
    try:
        found = [file for file in means.article(article) if file.filename.lower().endswith(SUFFIXES)]
        return means.files(f"{info.name}: archive", found)
    except OfflineError as error:
        option = "--source ARCHIVE_OR_FOLDER"
        if article is NB301_DATASET:
            raise _missing("its archive", option, info, means.cache) from error
        where = ", ".join(map(str, means.cache.folders))
        msg = (
            f"the release with learning curves cannot be found in {where}: get it from https://doi.org/{article.doi} "
            f"and give {option}."
        )
        raise BuildError(msg) from error


def cached_lists(info: DatasetInfo, means: Means) -> ListFiles:
    """The official split lists in the cache.

    Raises:
        BuildError: where one is not there.
    """
    try:
        return dict(zip(SPLIT_LISTS, means.files(f"{info.name}: split lists", SPLIT_LISTS.values()), strict=True))
    except OfflineError as error:
        raise _missing("its official split lists", "--splits FOLDER", info, means.cache) from error


def _missing(what: str, option: str, info: DatasetInfo, cache: Cache) -> BuildError:
    folders = ", ".join(map(str, cache.folders))
    return BuildError(
        f"{info.name} is built without a network, and {what} cannot be found in {folders}: give {option}, or let "
        f"`nb301-ogb download {info.name}` get everything."
    )
