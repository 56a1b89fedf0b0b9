import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ASK = """
import sys, warnings
warnings.simplefilter("ignore")
sys.modules["outdated"] = None  # without it ogb does not ask PyPI for a newer version, which can take for ever
{imports}
import ast, inspect, json, textwrap
from ogb.graphproppred import GraphPropPredDataset
told = {{}}
for one in (GraphPropPredDataset, PygGraphPropPredDataset):
    tree = ast.parse(textwrap.dedent(inspect.getsource(one)))
    assigned = {{
        node.attr for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self"
    }}
    parameters = [name for name in inspect.signature(one.__init__).parameters if name != "self"]
    told[one.__name__] = {{
        "parameters": parameters,
        "attributes": sorted(name for name in assigned | set(vars(one)) if not name.startswith("_")),
        "split parameters": list(inspect.signature(one.get_idx_split).parameters),
    }}
print(json.dumps(told))
"""


@pytest.fixture(scope="session")
def ogb_script():
    """The text of a script for ogb."""
    return Path(__file__).with_name("ogb_script.py").read_text()


@pytest.fixture(scope="session")
def ogb_interface(ogb_script):
    """What ogb's two dataset classes offer; asked in a process of its own, after the script's imports."""
    imports = re.search(r"# >>> imports\n(.*)# <<< imports\n", ogb_script, re.DOTALL)[1]
    try:
        done = subprocess.run(
            [sys.executable, "-c", ASK.format(imports=imports)], capture_output=True, text=True, timeout=120
        )
    except subprocess.TimeoutExpired:
        pytest.skip("ogb's import does not end here")
    if done.returncode and "ModuleNotFoundError" in done.stderr:
        pytest.skip(f"ogb cannot be imported here: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
