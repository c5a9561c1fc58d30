"""Ensembles of small members, as they lie in a package."""

from pathlib import Path

import pytest

import modelkiln
from modelkiln.runtime.ensemble.graph import Graph
from modelkiln.runtime.ensemble.member import start_member


@pytest.fixture
def make_graph(tmp_path, monkeypatch):
    """Start an ensemble; its members have modules of their own, and those of `apart` a process, too."""
    # Processes of members import the runtime as their ensemble does.
    monkeypatch.setenv("PYTHONPATH", str(Path(modelkiln.__path__[0]).parent))
    monkeypatch.syspath_prepend(str(tmp_path))
    graphs = []

    def make(scripts, steps, inputs, outputs, apart=(), combine="", provided=(), environment=None):
        members = {}
        for name, (script, ins, outs) in scripts.items():
            folder = tmp_path / (f".modelkiln/members/{name}" if name in apart else "")
            folder.mkdir(parents=True, exist_ok=True)
            module = "member" if name in apart else f"member_{name}_{tmp_path.name}"
            (folder / f"{module}.py").write_text(script)
            members[name] = {
                "name": name,
                "version": "1.0",
                "entry_point": f"{module}:{'Model' if 'class Model' in script else 'predict'}",
                "signature": {"inputs": ins, "outputs": outs},
                **({"code": f".modelkiln/members/{name}", "provided": list(provided)} if name in apart else {}),
                **(environment or {} if name in apart else {}),
            }
        document = {"members": members, "steps": steps, **({"combine": combine} if combine else {})}
        signature = {"inputs": inputs, "outputs": outputs}
        graphs.append(Graph(document, signature, tmp_path, tmp_path, start_member))
        return graphs[-1]

    yield make
    for graph in graphs:
        graph.close()
