"""Distributions that are known by name: tools, trainers, what others load as plugins, and modules of another name."""

__all__ = ["FRAMEWORKS", "MODULES", "ON_FRAMEWORKS", "PLUGINS", "TOOLS", "TRAINERS"]

TOOLS = frozenset("""
    autopep8 bandit black bumpversion coverage debugpy flake8 hypothesis ipdb ipykernel ipython ipywidgets isort jupyter
    jupyter-client jupyter-console jupyter-core jupyter-server jupyterlab memory-profiler mypy nbconvert nbformat nose
    notebook nox pip-tools pre-commit py-spy pycodestyle pydocstyle pyflakes pylint pytest pytest-cov pytest-mock
    pytest-xdist pudb ruff snakeviz sphinx tox twine virtualenv yapf
    """.split())
TRAINERS = frozenset("""
    aim albumentations altair bokeh clearml comet-ml composer dagshub deepspeed determined dvc evaluate fastai fire
    gradio hydra-core imgaug keras-tuner kaggle kfp lightning lightning-utilities matplotlib mlxtend neptune
    neptune-client nni optuna plotly pytorch-lightning ray roboflow sacred sagemaker seaborn skorch streamlit
    tensorboard tensorboard-data-server tensorboardx tensorflow-datasets tensorflow-estimator torch-tb-profiler
    torchmetrics trl visdom wandb yellowbrick ydata-profiling
    """.split())
# What another library loads where it finds it, and that no code imports by name; numpy is in every package.
PLUGINS = frozenset("""
    accelerate av bitsandbytes brotli certifi cffi cryptography einops flash-attn fsspec gunicorn h5py
    hf-transfer hf-xet
    httptools jinja2 librosa lz4 numpy onnxruntime-extensions onnxsim opencv-python-headless openpyxl optimum orjson
    peft pillow protobuf psutil pyarrow pycuda python-snappy pyyaml regex safetensors scipy sentencepiece setuptools
    simplejson six soundfile sox tables threadpoolctl tiktoken timm tokenizers torchaudio torchvision triton
    ujson uvicorn
    uvloop wheel xformers zstandard
    """.split())
# Frameworks that a library runs on by a setting (KERAS_BACKEND) or by what it finds, without requiring one: Keras'
# backend numpy, for one, takes functions of jax.
FRAMEWORKS = frozenset("flax jax mlx openvino paddlepaddle tensorflow tensorflow-cpu tensorflow-rocm torch".split())
ON_FRAMEWORKS = frozenset("accelerate diffusers einops keras keras-hub keras-nlp peft thinc transformers".split())
# Where the module has another name than the distribution, of those that models need (metadata of the wheels).
MODULES = {
    "attrs": ("attr", "attrs"), "beautifulsoup4": ("bs4",), "faiss-cpu": ("faiss",), "faiss-gpu": ("faiss",),
    "hydra-core": ("hydra",), "ipython": ("IPython",), "onnxruntime-gpu": ("onnxruntime",),
    "opencv-contrib-python": ("cv2",), "opencv-python": ("cv2",), "opencv-python-headless": ("cv2",),
    "paddlepaddle": ("paddle",), "pillow": ("PIL",), "protobuf": ("google",), "python-dateutil": ("dateutil",),
    "pyyaml": ("yaml",),
    "scikit-image": ("skimage",), "scikit-learn": ("sklearn",), "tensorflow-cpu": ("tensorflow",),
    "tensorflow-rocm": ("tensorflow",), "umap-learn": ("umap",), "xgboost-cpu": ("xgboost",),
}  # fmt: skip
