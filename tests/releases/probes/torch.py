"""Tensors of types that came with a release, a model's weights, and a program of `torch.export`."""

import torch

TYPES = (
    "bfloat16", "float32", "float4_e2m1fn_x2", "float8_e4m3fn", "float8_e5m2", "float8_e8m0fnu", "uint16", "uint32",
    "uint64",
)  # fmt: skip
ASKED = torch.ones(1, 3)


class Model(torch.nn.Module):
    """One layer."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 2)
        torch.nn.init.constant_(self.layer.weight, 0.5)
        torch.nn.init.constant_(self.layer.bias, 0.25)

    def forward(self, x):
        """Its output."""
        return torch.relu(self.layer(x))


def write_for_all(folder):
    """Write each."""
    for name in TYPES:
        torch.save({"w": torch.zeros(8, dtype=torch.uint8).view(getattr(torch, name))}, folder / f"{name}.pt")
    model = Model().eval()
    torch.save(model.state_dict(), folder / "weights.pt")
    torch.jit.save(torch.jit.script(model), str(folder / "script.pt"))
    torch.export.save(torch.export.export(model, (ASKED,)), str(folder / "program.pt2"))


def read(path):
    """The type of a tensor, the names of weights, or what a model answers."""
    if path.suffix == ".pt2":
        return torch.export.load(str(path)).module()(ASKED).tolist()
    if path.stem == "script":
        return torch.jit.load(str(path))(ASKED).tolist()
    loaded = torch.load(path, weights_only=False)
    return str(loaded["w"].dtype) if "w" in loaded else sorted(loaded)
