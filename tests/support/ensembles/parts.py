"""Parts of ensembles, in short."""


def tensor(name, datatype="FP64", shape=(-1,)):
    """A tensor of a signature."""
    return {"name": name, "datatype": datatype, "shape": list(shape)}


def step(member, inputs, outputs):
    """A step, from two texts: "x=a y=b" maps the member's x and y to the ensemble's a and b."""
    maps = (dict(pair.split("=") for pair in text.split()) for text in (inputs, outputs))
    return {"model_name": member, **dict(zip(("input_map", "output_map"), maps))}
