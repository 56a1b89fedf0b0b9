"""How many of a list of architectures are equal or equivalent to another of the list.

    python benchmarks/genotype_twins.py SPACE LIST.json

LIST.json holds a list, or an object whose values count, of genotypes in any form that the space reads.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from nb301_ogb.loaders.splits import row_classes
from nb301_ogb.spaces import get_space


def twins(space_name: str, genotypes: list[str]) -> dict[str, int]:
    """Counts of the architectures, of the different codes and canonical keys among them, and of those with a twin."""
    space = get_space(space_name)
    codes = space.check([space.parse(text) for text in genotypes])
    equal, equivalent = (np.bincount(row_classes(one)) for one in (codes, space.canonical_keys(codes)))
    return {
        "architectures": len(codes),
        "different codes": len(equal),
        "architectures with an equal one": int(equal[equal > 1].sum()),
        "different networks (canonical keys)": len(equivalent),
        "architectures with an equivalent one": int(equivalent[equivalent > 1].sum()),
    }


def main() -> None:
    space_name, path = sys.argv[1:]
    listed = json.loads(Path(path).read_text(encoding="utf-8"))
    for what, count in twins(space_name, list(listed.values()) if isinstance(listed, dict) else listed).items():
        print(f"{what}: {count:,}")


if __name__ == "__main__":
    main()
