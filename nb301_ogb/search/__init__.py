"""Optimisers on a benchmark, true or surrogate."""

from nb301_ogb.search.books import Progress
from nb301_ogb.search.budget import Budget, parse_budget
from nb301_ogb.search.history import History
from nb301_ogb.search.history_file import About, read_histories, write_histories
from nb301_ogb.search.interface import Optimiser
from nb301_ogb.search.optimisers import OptimiserLike, Spec, optimiser_names, parse_spec
from nb301_ogb.search.repeat import Job, jobs
from nb301_ogb.search.runner import search
from nb301_ogb.search.tabulated import tabulated

__all__ = [
    "About",
    "Budget",
    "History",
    "Job",
    "Optimiser",
    "OptimiserLike",
    "Progress",
    "Spec",
    "jobs",
    "optimiser_names",
    "parse_budget",
    "parse_spec",
    "read_histories",
    "search",
    "tabulated",
    "write_histories",
]
