"""Downloading and caching: safe for many processes, many hosts and broken networks, and useful without any network."""

from nb301_ogb.loaders.fetch.cache import Cache
from nb301_ogb.loaders.fetch.doctor import doctor
from nb301_ogb.loaders.fetch.figshare import Article, article_files, fetch_article
from nb301_ogb.loaders.fetch.policy import Policy
from nb301_ogb.loaders.fetch.progress import Progress, ProgressBar
from nb301_ogb.loaders.fetch.resource import Resource
from nb301_ogb.loaders.fetch.retrieval import fetch, fetch_all, locate

__all__ = [
    "Article",
    "Cache",
    "Policy",
    "Progress",
    "ProgressBar",
    "Resource",
    "article_files",
    "doctor",
    "fetch",
    "fetch_all",
    "fetch_article",
    "locate",
]
