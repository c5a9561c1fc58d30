"""Functions that open, make or look for files, and which of their arguments is the path."""

import ast
import re
from dataclasses import dataclass
from typing import Iterator, Optional

from modelkiln.lint.code.downloads import hub_call, plain_name
from modelkiln.lint.code.evaluation import argument_of
from modelkiln.lint.code.libraries.services import NETWORK_METHODS

__all__ = [
    "FOLDERS",
    "READ",
    "WRITE",
    "Use",
    "is_a_path",
    "is_named_path",
    "looks_like_a_file",
    "looks_like_data",
    "uses_of",
]

READ, WRITE = "read", "write"


@dataclass(frozen=True)
class Use:
    """An expression that is a path which a call reads or writes. is_sure: whether the function is known, and not only
    called like one that opens files. is_path: whether any text there is a path, and not only one that looks so.
    is_named: whether the expression is a name that says so, as `model_dir`. is_cache: whether what is downloaded is put
    there."""

    node: ast.AST
    kind: str
    is_sure: bool = True
    is_path: bool = False
    is_named: bool = False
    is_cache: bool = False


# By full name, where the path is: its place, and keywords. What begins with "?" or ends in "()" is a method; "?."
# stands for a method whose owner is not known.
_READERS: dict[str, tuple[int, tuple[str, ...]]] = {
    **dict.fromkeys(
        (
            "codecs.open", "gzip.open", "bz2.open", "lzma.open", "tarfile.open", "zipfile.ZipFile", "os.listdir",
            "os.scandir", "os.walk", "glob.glob", "glob.iglob", "numpy.load", "numpy.loadtxt", "numpy.genfromtxt",
            "numpy.fromfile", "numpy.memmap", "torch.load", "torch.jit.load", "torch.package.PackageImporter",
            "joblib.load", "dill.load", "cloudpickle.load", "skops.io.load", "pandas.read_csv", "pandas.read_parquet",
            "pandas.read_json", "pandas.read_pickle", "pandas.read_excel", "pandas.read_table", "pandas.read_hdf",
            "polars.read_csv", "polars.read_parquet", "polars.scan_csv", "pyarrow.parquet.read_table",
            "onnxruntime.InferenceSession", "onnx.load", "onnx.load_model", "tensorflow.keras.models.load_model",
            "tensorflow.saved_model.load", "tensorflow.lite.Interpreter", "tflite_runtime.interpreter.Interpreter",
            "keras.models.load_model", "keras.saving.load_model", "tf_keras.models.load_model", "cv2.imread",
            "cv2.dnn.readNetFromCaffe", "cv2.dnn.readNetFromONNX", "cv2.dnn.readNet", "cv2.CascadeClassifier",
            "PIL.Image.open", "imageio.imread", "safetensors.safe_open", "safetensors.torch.load_file",
            "safetensors.numpy.load_file", "fasttext.load_model", "spacy.load", "sentencepiece.SentencePieceProcessor",
            "tokenizers.Tokenizer.from_file", "lightgbm.Booster", "ctranslate2.Translator", "ctranslate2.Generator",
            "llama_cpp.Llama", "gensim.models.Word2Vec.load", "gensim.models.KeyedVectors.load",
            "gensim.models.KeyedVectors.load_word2vec_format", "librosa.load", "soundfile.read", "h5py.File",
            "sqlite3.connect", "dotenv.load_dotenv", "pathlib.Path().open", "yaml.YAML().load",
            "fastai.learner.load_learner",
            "fastai.vision.all.load_learner", "fastai.basics.load_learner", "importlib.machinery.SourceFileLoader",
            "faiss.read_index", "annoy.AnnoyIndex().load", "xgboost.Booster().load_model", "xgboost.Booster",
            "xgboost.XGBClassifier().load_model", "xgboost.XGBRegressor().load_model", "catboost.CatBoost().load_model",
            "catboost.CatBoostClassifier().load_model", "catboost.CatBoostRegressor().load_model", "h2o.load_model",
            "mlflow.pyfunc.load_model", "mlflow.sklearn.load_model", "paddle.jit.load",
            "mxnet.gluon.nn.SymbolBlock.imports",
            "tensorflow.io.gfile.GFile", "cv2.VideoCapture", "scipy.io.loadmat", "tensorflow.gfile.GFile",
            "tensorflow.gfile.FastGFile",
            "tensorflow.gfile.Open",
            "nltk.data.path.append", "nltk.data.load", "torchaudio.load", "torchvision.io.read_image",
            "tensorflow.io.read_file", "tensorflow.io.gfile.listdir", "ctypes.CDLL",
            "openvino.runtime.Core().read_model", "openvino.Core().read_model", "rasterio.open", "nibabel.load",
            "pickle5.load", "tensorflow.train.latest_checkpoint", "tensorflow.train.import_meta_graph",
            "tensorflow.train.load_checkpoint", "mxnet.model.load_checkpoint", "paddle.inference.Config",
            "pycaret.classification.load_model", "pycaret.regression.load_model", "ktrain.load_predictor",
            "autogluon.tabular.TabularPredictor.load", "onnxruntime_genai.Model", "openvino_genai.LLMPipeline",
            "fastapi.responses.FileResponse", "starlette.responses.FileResponse", "fastapi.staticfiles.StaticFiles",
            "starlette.staticfiles.StaticFiles", "fastapi.templating.Jinja2Templates", "flask.send_file",
            "flask.send_from_directory", "moviepy.editor.VideoFileClip", "moviepy.editor.AudioFileClip",
            "pydub.AudioSegment.from_file", "pydub.AudioSegment.from_wav", "av.open", "cv2.FaceDetectorYN.create",
            "cv2.dnn.readNetFromTensorflow", "cv2.dnn.readNetFromTorch", "cv2.dnn.readNetFromDarknet",
            "dlib.shape_predictor", "dlib.cnn_face_detection_model_v1", "dlib.face_recognition_model_v1",
            "PIL.ImageFont.truetype", "imageio.v3.imread", "skimage.io.imread", "matplotlib.pyplot.imread",
            "geopandas.read_file", "trimesh.load", "pdfplumber.open", "fitz.open", "docx.Document",
            "openpyxl.load_workbook", "zarr.open", "lmdb.open", "shelve.open", "configparser.ConfigParser().read",
            "omegaconf.OmegaConf.load", "toml.load", "tomli.load", "streamlit.image", "streamlit.audio",
            "streamlit.video", "streamlit.logo", "mediapipe.tasks.python.BaseOptions", "pysurvival.utils.load_model",
        ),
        (0, ("filename", "file", "path", "f", "filepath", "model_path", "model_file", "fp", "uri", "url", "name",
             "directory", "model_asset_path", "checkpoint_dir", "path_or_file")),
    ),
    "tensorflow.saved_model.loader.load": (2, ("export_dir",)),
    "xgboost.Booster": (1, ("model_file",)),
    "lightgbm.Booster": (1, ("model_file",)),
    "tensorflow.lite.Interpreter": (0, ("model_path",)),
    "tflite_runtime.interpreter.Interpreter": (0, ("model_path",)),
    "sentencepiece.SentencePieceProcessor": (0, ("model_file",)),
}  # fmt: skip
# Of these a text without a folder or an ending is a name: of an installed package, of a camera, of an address.
_NAMED_TOO = frozenset((
    "spacy.load", "cv2.VideoCapture", "nltk.data.load", "nltk.data.path.append", "mlflow.pyfunc.load_model",
    "mlflow.sklearn.load_model", "sqlite3.connect", "h2o.load_model", "ctypes.CDLL", "fasttext.load_model",
    "ctranslate2.Translator", "ctranslate2.Generator", "librosa.load",
))  # fmt: skip
_WRITERS: dict[str, tuple[int, tuple[str, ...]]] = {
    **dict.fromkeys(
        (
            "os.makedirs", "os.mkdir", "numpy.save", "numpy.savez", "numpy.savetxt", "cv2.imwrite",
            "logging.FileHandler",
            "logging.handlers.RotatingFileHandler", "logging.handlers.TimedRotatingFileHandler", "cv2.VideoWriter",
            "matplotlib.pyplot.savefig", "imageio.imwrite", "soundfile.write", "scipy.io.wavfile.write",
            "loguru.logger.add", "pandas.ExcelWriter",
            "tensorflow.summary.create_file_writer", "torch.utils.tensorboard.SummaryWriter",
            "tensorflow.io.gfile.makedirs",
        ),
        (0, ("name", "path", "filename", "file")),
    ),
    **dict.fromkeys(
        ("torch.save", "joblib.dump", "skops.io.dump", "torch.jit.save", "nibabel.save", "faiss.write_index",
         "torchvision.utils.save_image"),
        (1, ("f", "filename", "file")),
    ),
    **dict.fromkeys(
        ("shutil.copy", "shutil.copyfile", "shutil.copy2", "shutil.move", "shutil.copytree"),
        (1, ("dst",)),
    ),
    "urllib.request.urlretrieve": (1, ("filename",)),
    "logging.basicConfig": (99, ("filename",)),
    "logging.handlers.RotatingFileHandler": (0, ("filename",)),
}  # fmt: skip
# Methods whose first argument is always a path.
_LOADING_METHODS = frozenset(("load_weights", "load_checkpoint"))
_WRITING_METHODS = {
    "to_disk": "path",
    "to_csv": "path_or_buf", "to_parquet": "path", "to_pickle": "path", "to_excel": "excel_writer", "savefig": "fname",
    "save_pretrained": "save_directory",
}  # fmt: skip
# Of methods of clients of object stores, where the path is that they write; of others (`download_fileobj`) it is none.
_DOWNLOADS: dict[str, tuple] = {
    "download_file": (2, "Filename"), "fget_object": (2, "file_path"), "download_to_filename": (0, "filename"),
}  # fmt: skip
_PATH_READS = frozenset(("read_text", "read_bytes", "iterdir", "glob", "rglob"))
_PATH_WRITES = frozenset(("write_text", "write_bytes", "mkdir", "touch"))
# Files of models and what goes with them: of a call that is named as if it read one, that is likely.
_ENDINGS = (
    ".pt", ".pth", ".onnx", ".pkl", ".pickle", ".joblib", ".h5", ".hdf5", ".keras", ".safetensors", ".bin", ".ckpt",
    ".pb", ".tflite", ".gguf", ".model", ".npy", ".npz", ".pdparams", ".caffemodel", ".pth.tar", ".weights",
    ".engine", ".trt",
)  # fmt: skip
# And of data.
_DATA_ENDINGS = (
    *_ENDINGS, ".nii", ".nii.gz", ".wav", ".mp3", ".mp4", ".mid", ".jpg", ".jpeg", ".png", ".csv", ".tsv", ".json",
    ".jsonl",
    ".yaml", ".yml", ".txt", ".mat", ".parquet", ".cfg", ".ini", ".toml", ".prototxt", ".names", ".vocab", ".db",
    ".sqlite",
    ".xml", ".log", ".zip", ".tar", ".gz", ".meta", ".config",
)  # fmt: skip
_MEDIA = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".wav", ".mp3", ".flac", ".mp4", ".csv", ".pdf")
_MAX_EXAMPLES, _MAX_ARGUMENTS = 8, 8
# What takes texts that end as files do, and opens none.
_NO_FILES = frozenset((
    "print", "info", "debug", "warning", "error", "get", "post", "put", "route", "mount", "url_for", "join", "format",
    "append", "replace", "startswith", "endswith", "split", "exists", "isfile", "isdir", "is_file", "hf_hub_download",
    "path", "purepath", "add_argument", "remove", "unlink", "basename", "dirname", "splitext", "resource_filename",
    "option", "argument", "field", "form", "query", "text_input", "text_area", "define_string",
    "getattr", "getenv", "setdefault",
    "object", "get_object", "put_object", "head_object", "blob", "get_blob", "get_blob_client",
))  # fmt: skip
# Folders that relative paths of models begin with, rather than names of owners on a hub.
FOLDERS = frozenset((
    "app", "artifacts", "assets", "checkpoint", "checkpoints", "ckpt", "ckpts", "data", "model", "models", "output",
    "outputs", "pretrained", "pretrained_models", "results", "saved_model", "saved_models", "src", "tmp",
    "trained_models", "weights",
))  # fmt: skip
_EXTENSION = re.compile(r"\.[A-Za-z]\w{0,9}\Z")
# Keywords whose values are paths, of any call; those of what is written.
_PATH_KEYWORD = re.compile(r"(\A|_)(path|dir|file|filename|folder|ckpt|checkpoint|weights|directory|filepath)\Z")
_WRITTEN_KEYWORD = re.compile(r"save|out|log|dump|dest|target|flagging")
# Names of variables and attributes that hold paths.
_PATH_NAME = re.compile(r"(\A|_)(path|dir|folder|directory|filepath|ckpt|checkpoint|weights)\Z|\w_file\Z", re.I)
# Keywords of downloads that name where to, and keywords whose texts are none of a file.
_TARGETS = frozenset(("local_dir", "folder", "path", "file", "filename"))
_CACHES = frozenset(("cache_dir", "cache_folder", "download_root", "savedir", "local_dir"))
_NO_PATH_KEYWORDS = frozenset((
    "default", "help", "description", "label", "title", "placeholder", "url", "endpoint", "route", "prefix", "caption",
    "media_type", "mime", "key", "example", "name", "arcname", "download_name", "message", "msg", "text", "prompt",
))  # fmt: skip
# Functions that take paths and open nothing, besides those of `_NO_FILES`.
_HEEDLESS = re.compile(
    r"(os|posixpath|ntpath|shutil|sys|logging|logger|log|re|json|ast|typing|time|builtins|st|streamlit|click|argparse|"
    r"modal)\."
    r"|(str|repr|len|isinstance|type|set|list|dict|tuple|bool|int|float|sorted|getattr|setattr|hasattr|id|hash|"
    r"format|Path|PurePath|partial|field|replace|echo|cprint|\w*(Error|Exception|Warning))\Z"
)
_WRITING_NAMES = ("save", "write", "dump", "export")
_READING_NAMES = (
    "load", "read", "restore", "from_file", "open", "session", "interpreter", "booster", "predictor", "yolo",
)  # fmt: skip


def looks_like_a_file(text: str) -> bool:
    """Whether a text ends as files of models do."""
    return text.lower().endswith(_ENDINGS)


def looks_like_data(text: str) -> bool:
    """Whether a text ends as files of models or of data do."""
    return text.lower().endswith(_DATA_ENDINGS)


def is_a_path(text: str) -> bool:
    """Whether a relative text is plainly a path: it says so, or ends as files do."""
    folder = text.partition("/")[0]
    named = "/" in text and (folder in FOLDERS or bool(_EXTENSION.search(text)))
    return " " not in text and (text.startswith(("./", "../")) or named or looks_like_data(text))


def uses_of(name: str, call: ast.Call) -> Iterator[Use]:
    """Return the paths that a call, of a function with a full name, opens."""
    plain = plain_name(name)
    method = plain.rpartition(".")[2]
    if plain in ("open", "io.open", "builtins.open", "wave.open"):
        yield from _opened(call, 0)
    elif plain in _READERS:
        yield from _named(call, READ, *_READERS[plain], is_path=plain not in _NAMED_TOO)
    elif plain in _WRITERS:
        yield from _named(call, WRITE, *_WRITERS[plain])
    elif isinstance(call.func, ast.Attribute) and method in _PATH_READS | _PATH_WRITES:
        yield Use(call.func.value, READ if method in _PATH_READS else WRITE)
    elif isinstance(call.func, ast.Attribute) and method == "open" and not call.args[1:]:
        yield Use(call.func.value, WRITE if _is_writing(argument_of(call, 0, "mode")) else READ)
    elif isinstance(call.func, ast.Attribute) and method in _WRITING_METHODS:
        yield from _named(call, WRITE, 0, (_WRITING_METHODS[method],))
    elif isinstance(call.func, ast.Attribute) and method in _LOADING_METHODS:
        yield from (Use(one.node, READ, is_path=True) for one in _named(call, READ, 0, ("filepath", "path")))
    elif isinstance(call.func, ast.Attribute) and method in NETWORK_METHODS:
        yield from _downloaded(method, call)
    else:
        yield from _likely(plain, method.lower(), call)
        yield from _of_keywords(plain, method, call)
        if plain.startswith("gradio."):
            yield from _shown_examples(plain, call)


def _shown_examples(name: str, call: ast.Call) -> Iterator[Use]:
    """Files that a page of gradio offers as examples, which it opens when it is made."""
    given = argument_of(call, 0 if name == "gradio.Examples" else None, "examples")
    for row in given.elts[:_MAX_EXAMPLES] if isinstance(given, ast.List) else ():
        first = row.elts[0] if isinstance(row, ast.List) and row.elts else row
        if not isinstance(first, ast.Constant) or str(first.value).lower().endswith(_MEDIA):
            yield Use(first, READ, False)


def _downloaded(method: str, call: ast.Call) -> Iterator[Use]:
    """Where a client of an object store writes: what it names before that are buckets and keys."""
    place, *keywords = _DOWNLOADS.get(method, (None,))
    if method == "download_file" and (len(call.args) < 3 and argument_of(call, None, "Bucket", "Key") is None):
        # A bucket's, and not a client's.
        place = 1
    yield from _named(call, WRITE, place, tuple(keywords))


def _of_keywords(name: str, method: str, call: ast.Call) -> Iterator[Use]:
    """Paths that go by their keyword to a call of any name, and files by any keyword."""
    if method in _NO_FILES or name.startswith("modal."):
        return
    is_writing = method.lower().startswith(_WRITING_NAMES)
    for one in call.keywords:
        says_path = one.arg and (one.arg in _CACHES or _PATH_KEYWORD.search(one.arg))
        if not one.arg or not (says_path or (one.arg not in _NO_PATH_KEYWORDS and _names_a_file(one.value))):
            continue
        is_target = "download" in method.lower() and one.arg in _TARGETS
        is_written = is_writing or is_target or _WRITTEN_KEYWORD.search(one.arg)
        is_folder = isinstance(one.value, ast.Constant) and one.value.value in FOLDERS
        is_path = is_folder or one.arg in _CACHES or _is_joined(one.value)
        kind = WRITE if is_written else READ
        yield Use(one.value, kind, False, is_path=is_path, is_named=True, is_cache=one.arg in _CACHES)


def _likely(name: str, method: str, call: ast.Call) -> Iterator[Use]:
    """Paths of a call that is named as if it opened files."""
    if "load" in method and ("download" in method or "upload" in method):
        return
    if method.startswith(_WRITING_NAMES) and not name.endswith("open().write"):
        yield from (Use(one, WRITE, False) for one in call.args[:2])
    elif any(word in method for word in _READING_NAMES):
        found = argument_of(call, 0, "model_path", "path", "filename", "model_file", "model")
        if found is not None:
            is_named = is_named_path(found)
            # What is called a path and is loaded is one, but for names of models on hubs.
            is_path = _is_joined(found) or (is_named and hub_call(name, method) is None)
            yield Use(found, READ, False, is_path=is_path, is_named=is_named)
        for one in call.args[1:_MAX_ARGUMENTS]:
            if _names_a_file(one) or is_named_path(one):
                yield Use(one, READ, False, is_named=True)
    elif method not in _NO_FILES:
        is_heedless = _HEEDLESS.match(name) or _HEEDLESS.match(method)
        for one in call.args[:_MAX_ARGUMENTS]:
            if _names_a_file(one) or (method in _SHOWING and _is_media(one)):
                yield Use(one, READ, False)
            elif is_named_path(one) and not is_heedless:
                yield Use(one, WRITE if _WRITTEN_KEYWORD.search(_name_of(one).lower()) else READ, False, is_named=True)
            elif _is_joined(one) and not is_heedless:
                yield Use(one, READ, False, is_path=True)


# Methods of pages that open a picture or a sound.
_SHOWING = frozenset(("image", "audio", "video", "logo"))


def _is_media(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.lower().endswith(_MEDIA)


def _is_joined(node: ast.AST) -> bool:
    """Whether an expression is a path because it is made as one."""
    func = node.func if isinstance(node, ast.Call) and node.args else None
    if not isinstance(func, ast.Attribute) or func.attr not in ("join", "dirname", "abspath", "realpath"):
        return False
    return isinstance(func.value, ast.Attribute) and func.value.attr == "path"


def is_named_path(node: ast.AST) -> bool:
    """Return whether an expression is a variable or an attribute whose name says that it is a path."""
    return _PATH_NAME.search(_name_of(node)) is not None


def _name_of(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _names_a_file(node: ast.AST) -> bool:
    """Whether an argument is plainly a path with a folder, whatever it is handed to."""
    text = node.value if isinstance(node, ast.Constant) else None
    if not isinstance(text, str) or "/" not in text or "://" in text or not is_a_path(text):
        return False
    is_in_folder = text.partition("/")[0] in FOLDERS and bool(_EXTENSION.search(text))
    return is_in_folder or text.lower().endswith((*_ENDINGS, ".json", ".yaml", ".yml", ".csv", ".dat"))


def _named(
    call: ast.Call, kind: str, place: Optional[int], keywords: tuple[str, ...], is_path: bool = False
) -> Iterator[Use]:
    found = argument_of(call, place, *keywords)
    if found is not None and not isinstance(getattr(found, "value", None), (int, float)):
        yield Use(found, kind, is_path=is_path)


def _opened(call: ast.Call, place: int) -> Iterator[Use]:
    path = argument_of(call, place, "file")
    if path is not None and not isinstance(getattr(path, "value", None), int):
        kind = WRITE if _is_writing(argument_of(call, place + 1, "mode")) else READ
        yield Use(path, kind, is_path=True)


def _is_writing(mode: Optional[ast.AST]) -> bool:
    return isinstance(mode, ast.Constant) and isinstance(mode.value, str) and bool(set(mode.value) & set("wax+"))
