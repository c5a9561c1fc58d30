"""What an image of a package consists of beyond its own files: settings, base, environment, wheels and runtime."""

from __future__ import annotations

from typing import Mapping, Sequence

from modelkiln.conventions import CODE_FOLDER, MODELS_MOUNT, VENV
from modelkiln.errors import ModelkilnError
from modelkiln.image.image import Settings, settings_config
from modelkiln.layer import Layer
from modelkiln.layers.small import LAZY_STORE, venv_layer, venv_link_layer
from modelkiln.package.accelerator import Accelerator
from modelkiln.runtime.entry_point import NO_TELEMETRY
from modelkiln.wheels.cuda_libraries import library_folders
from pants_modelkiln.inputs.base_image import BaseImage, BaseLayers
from pants_modelkiln.manifest.environment import Environment

_DEFAULT_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# The home folder of an image's user is the root, which it cannot write to: numba's functions with `cache=True`
# cannot be imported then, matplotlib and fontconfig warn and search all fonts at each start.
_CACHES = {"XDG_CACHE_HOME": "/tmp/.cache", "MPLCONFIGDIR": "/tmp/.cache/matplotlib"}
_ENTRYPOINT = (f"/{VENV}/bin/python", "-m", "modelkiln.runtime")
# Of an ensemble with several environments: it verifies them, too.
_ENSEMBLE_ENTRYPOINT = (*_ENTRYPOINT[:-1], "modelkiln.runtime.ensemble")


def environment_layers(base: BaseImage, wheels: Environment) -> list[tuple[Layer, bytes]]:
    """The layers of the virtual environments over a base, the image's own first, and their bytes.

    All of an image's settings name the own one by the same path: where it lies elsewhere, a link leads there.
    """
    over_any_base, paths = bool(base.reference), (wheels.path, *(path for path, _ in wheels.others))
    try:
        links = [venv_link_layer(base.python_path, over_any_base, wheels.path)] if wheels.path != VENV else []
        return [*links, *(venv_layer(base.python, base.python_path, over_any_base, path) for path in paths)]
    except ModelkilnError as error:
        raise ModelkilnError(f"{base.address}: {error}") from None


def image_settings(
    base: BaseImage,
    base_env: Sequence[str],
    wheels: Environment,
    accelerator: Accelerator,
    entrypoint: Sequence[str],
    is_lazy: bool,
) -> Settings:
    """How the image of a package runs; labels, which name the package, are not in it. entrypoint: of the target."""
    path = next((value for value in base_env if value.startswith("PATH=")), _DEFAULT_PATH)
    store = {"MODELKILN_STORE": LAZY_STORE} if is_lazy else {"MODELKILN_MODELS": MODELS_MOUNT}
    return Settings(
        env={
            "PATH": f"/{VENV}/bin:{path[len('PATH='):]}",
            "PYTHONPATH": f"/{CODE_FOLDER}",
            "PYTHONDONTWRITEBYTECODE": "1",
            **_unless_set({**NO_TELEMETRY, **_CACHES}, base_env),
            **store,
            **_library_path(base, base_env, wheels),
            **accelerator.image_env(),
        },
        entrypoint=entrypoint or (_ENSEMBLE_ENTRYPOINT if wheels.others else _ENTRYPOINT),
        working_dir=f"/{CODE_FOLDER}",
        volumes=[LAZY_STORE] if is_lazy else [],
    )


def _unless_set(env: Mapping[str, str], base_env: Sequence[str]) -> dict[str, str]:
    """Variables that a base image need not have chosen: where it did, its values stay."""
    chosen = {text.partition("=")[0] for text in base_env}
    return {name: value for name, value in env.items() if name not in chosen}


def _library_path(base: BaseImage, base_env: Sequence[str], wheels: Environment) -> dict[str, str]:
    name, site_packages = "LD_LIBRARY_PATH", f"/{VENV}/lib/python{base.python}/site-packages"
    folders = [f"{site_packages}/{folder}" for folder in library_folders(wheels.to_json())]
    before = [value[len(name) + 1 :] for value in base_env if value.startswith(f"{name}=")]
    return {name: ":".join([*folders, *filter(None, before)])} if folders else {}


def recorded_images(
    bases: Sequence[BaseImage | None],
    layers: Sequence[BaseLayers],
    environments: Sequence[Environment],
    accelerator: Accelerator,
    entrypoint: Sequence[str],
    is_lazy: bool,
) -> list[dict]:
    """For each platform what its record says of its image, under "image": settings, and the diff IDs of the layers
    whose files it does not list itself. Its own code, its weights and the record lie in the other layers.

    layers: of the bases; none for a package that is not an image.
    """
    if not layers:
        return [{} for _ in bases]
    found = []
    for base, made, wheels in zip(bases, layers, environments):
        assert base is not None, "it has layers"
        venvs = [layer.diff_id for layer, _ in environment_layers(base, wheels)]
        settings = image_settings(base, made.env, wheels, accelerator, entrypoint, is_lazy)
        diff_ids = [*(layer.diff_id for layer in made.layers), *venvs, *wheels.diff_ids]
        found.append({"image": {"config": settings_config(made.env, settings), "diff_ids": diff_ids}})
    return found
