"""Functions that open, make or look for files, and which of their arguments is the path."""

__all__ = ["DOWNLOADS", "LOADING_METHODS", "NAMED_TOO", "READERS", "WRITERS", "WRITING_METHODS"]

# By full name, where the path is: its place, and keywords. What begins with "?" or ends in "()" is a method; "?."
# stands for a method whose owner is not known.
READERS: dict[str, tuple[int, tuple[str, ...]]] = {
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
            "nltk.data.path.append", "torchaudio.load", "torchvision.io.read_image",
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
NAMED_TOO = frozenset((
    "spacy.load", "cv2.VideoCapture", "nltk.data.path.append", "mlflow.pyfunc.load_model",
    "mlflow.sklearn.load_model", "sqlite3.connect", "h2o.load_model", "ctypes.CDLL", "fasttext.load_model",
    "ctranslate2.Translator", "ctranslate2.Generator", "librosa.load",
))  # fmt: skip
WRITERS: dict[str, tuple[int, tuple[str, ...]]] = {
    **dict.fromkeys(
        (
            "os.makedirs", "os.mkdir", "numpy.save", "numpy.savez", "numpy.savetxt", "cv2.imwrite",
            "logging.FileHandler",
            "logging.handlers.RotatingFileHandler", "logging.handlers.TimedRotatingFileHandler", "cv2.VideoWriter",
            "matplotlib.pyplot.savefig", "torchaudio.save",
            *(f"imageio.{part}{name}" for part in ("", "v2.", "v3.")
              for name in ("imwrite", "imsave", "mimwrite", "mimsave", "get_writer", "volwrite")),
            "soundfile.write", "scipy.io.wavfile.write",
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
    "gdown.download": (1, ("output",)),
    "gdown.download_folder": (1, ("output",)),
    "gdown.cached_download": (1, ("path",)),
    "wget.download": (1, ("out",)),
    "torch.hub.download_url_to_file": (1, ("dst",)),
    "logging.basicConfig": (99, ("filename",)),
    "logging.handlers.RotatingFileHandler": (0, ("filename",)),
}  # fmt: skip
# Methods whose first argument is always a path.
LOADING_METHODS = frozenset(("load_weights", "load_checkpoint", "load_local", "load_from_disk", "load_from_checkpoint"))
WRITING_METHODS = {
    "to_disk": "path",
    "to_csv": "path_or_buf", "to_parquet": "path", "to_pickle": "path", "to_excel": "excel_writer", "savefig": "fname",
    "save_pretrained": "save_directory", "save_local": "folder_path", "save_to_disk": "dataset_path",
    "save_weights": "filepath",
}  # fmt: skip
# Of methods of clients of object stores, where the path is that they write; of others (`download_fileobj`) it is none.
DOWNLOADS: dict[str, tuple] = {
    "download_file": (2, "Filename"), "fget_object": (2, "file_path"), "download_to_filename": (0, "filename"),
}  # fmt: skip
