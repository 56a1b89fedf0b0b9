"""The files of NAS-Bench-301: its archives, and the official split lists with the hash of each."""

from __future__ import annotations

from nb301_ogb.catalog import part_name
from nb301_ogb.errors import DatasetNameError
from nb301_ogb.loaders.fetch.figshare import Article
from nb301_ogb.loaders.fetch.resource import Resource

NB301_DATASET = Article("10.6084/m9.figshare.13246952", "NAS-Bench-301 dataset v1.0")
"""The records of all trained architectures."""

NB301_FULL_LOGS = Article("10.6084/m9.figshare.13286105", "NAS-Bench-301 full logs")
"""The records with their learning curves, under Apache-2.0."""

SPLITS_COMMIT = "61c670e60512abc14aa472da18bb8d5b985f95e0"
"""The commit of github.com/automl/nasbench301 whose split lists are used."""

_BASE = (
    f"https://raw.githubusercontent.com/automl/nasbench301/{SPLITS_COMMIT}"
    "/nasbench301/surrogate_models/configs/data_splits"
)

# Upstream's folder and part, size in bytes, sha256.
_LISTS = (
    ("default_split", "train", 3068619, "caf3b19c80d8d545bd9c2c66435eb6c1dda8d920c463eb4cba9d5949c022db93"),
    ("default_split", "val", 383582, "1ed4f277b68ad7cd1922757dd0a2953c33cb6038bb51daff4b5e9cfd3f1e5f92"),
    ("default_split", "test", 383246, "aaedb9085455fec01ebe45f349250d1ec5e30675ec31d3334fa15059dff6ef95"),
    ("leave_out_bananas", "train", 3322855, "feeace1d58e74f764dcea95f96835f583ef2e5cfd856831fac53f40bd11c9f69"),
    ("leave_out_bananas", "val", 369879, "4b45878b29e7f942b97b0c70ed1bd915db066b777ca45489479ff57eb544c275"),
    ("leave_out_bananas", "test", 2, "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"),
    ("leave_out_combo", "train", 3397753, "6600ca49784a70419999ef3db96cfd5c670b0ef23c1eea440c719949750772c5"),
    ("leave_out_combo", "val", 378039, "c82605c7ed5ca44c88890286b6c14453daab00ca23363410583f1928563259bf"),
    ("leave_out_combo", "test", 2, "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"),
    ("leave_out_darts", "train", 3322992, "d294df74abd07a492291be5d5fb7086b9fb62b7db6d9c71dd0b8a1c56a284e34"),
    ("leave_out_darts", "val", 369869, "8fdf28c6269b25ebcf4a0e839a05ffbd8007c547f2a2a2a94dbde459a3c3bf30"),
    ("leave_out_darts", "test", 2, "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"),
    ("leave_out_de", "train", 2922963, "38764e8c81c964b75b7b91484f8e9992e7628a55637cb78bb9dd9338528601c3"),
    ("leave_out_de", "val", 325231, "92b0d470cc607b22ae4fc8274a17f8f498268a3cc4ebd10c8cd31612421f5b8d"),
    ("leave_out_de", "test", 2, "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"),
    ("leave_out_gdas", "train", 3435098, "90cf5c09b8ff6d59c07f4f61be6b92877f92934aadd9e1410c63eec1a1cf7d43"),
    ("leave_out_gdas", "val", 382183, "375f97a993895cf849231675f07b376884675ad7c068020f87843ecba969d499"),
    ("leave_out_gdas", "test", 2, "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"),
    ("leave_out_pc_darts", "train", 3415651, "e0e01c510ba4b37bf150e7506ba9fb5d450392cb8929055e5c49968e83efad91"),
    ("leave_out_pc_darts", "val", 380172, "b94b76e858b0320325f116220e71c2ceed4320d6fa657e481b9520fd57d7cba6"),
    ("leave_out_pc_darts", "test", 2, "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"),
    ("leave_out_random_ws", "train", 3436802, "8f8f8e62e619301e599a7943ebb41fab3a2da248bca98c8a27928977323154b5"),
    ("leave_out_random_ws", "val", 382441, "10e78c02af7b946426d4faca0e9bb3e42827d6f5fc4b242a5678b8ee7bf24c5b"),
    ("leave_out_random_ws", "test", 2, "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"),
    ("leave_out_re", "train", 3181133, "735605082ce8959475647ac6564231bcbfdde4e5822311c26c8e0959e16650b4"),
    ("leave_out_re", "val", 353815, "f24828fd25979473ceb68cb21b09e7f93b14a6f5800a9d5db2dd3521807e0da3"),
    ("leave_out_re", "test", 2, "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"),
    ("leave_out_tpe", "train", 2955827, "64754401305bb6570d8b9c487ace4cff20dd2703450103c6e256aea70d5877dd"),
    ("leave_out_tpe", "val", 328880, "f7edb73d5fc195527949210bdab5b1f121fa2571303cb5a9c996503c2af36635"),
    ("leave_out_tpe", "test", 2, "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"),
)

_UPSTREAM_PARTS = {"train": "train", "val": "valid", "test": "test"}


def _list_of(folder: str, part: str, size: int, sha256: str) -> Resource:
    file = f"{folder}/{part}_paths.json"
    return Resource(f"nasbench301/data_splits/{file}", (f"{_BASE}/{file}",), size=size, sha256=sha256)


SPLIT_LISTS: dict[tuple[str, str], Resource] = {
    (folder.removesuffix("_split"), _UPSTREAM_PARTS[part]): _list_of(folder, part, size, sha256)
    for folder, part, size, sha256 in _LISTS
}
"""The official lists by split and part, both in this package's words: JSON lists of paths, of which the last two
components name a record. The test lists of the `leave_out_` splits are empty upstream."""


def split_list(split: str, part: str) -> Resource:
    """The official list of one part of a split.

    Args:
        split: `default` or `leave_out_<group>`; there is none for the groups `rs` and `drnas`.
        part: `train`, `valid` (also `val`, `validation`) or `test`.

    Raises:
        DatasetNameError: if there is no such list.
    """
    found = SPLIT_LISTS.get((split, part_name(part)))
    if found is None:
        splits = ", ".join(dict.fromkeys(name for name, _ in SPLIT_LISTS))
        msg = f"NAS-Bench-301 has no official list for the split {split!r}; it has them for {splits}."
        raise DatasetNameError(msg)
    return found
