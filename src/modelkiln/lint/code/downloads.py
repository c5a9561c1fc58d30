"""Functions that get something from the network, and which of their arguments names it."""

import re
from dataclasses import dataclass
from typing import Optional

__all__ = [
    "CHOICES",
    "HUB_CALLS",
    "NETWORK_CALLS",
    "NETWORK_METHODS",
    "PRETRAINED_FLAGS",
    "TAGGED",
    "HubCall",
    "data_call",
    "hub_call",
    "is_network_call",
    "plain_name",
]


@dataclass(frozen=True)
class HubCall:
    """A call that loads by a name or by a path. place, keywords: where that is. default: what it loads where the
    argument is missing, "" where it then loads nothing. has_revision: whether it takes one. is_name: whether the
    argument is never a path. only_url: whether it downloads only what has a scheme. is_local: names that it has by
    itself."""

    place: Optional[int]
    keywords: tuple[str, ...]
    default: str = ""
    has_revision: bool = False
    is_name: bool = False
    only_url: bool = False
    is_local: frozenset[str] = frozenset()


# Of data sets, readers of the files that `data_files` names.
_READERS = frozenset(("arrow", "audiofolder", "csv", "imagefolder", "json", "pandas", "parquet", "text", "webdataset"))
_PRETRAINED = HubCall(0, ("pretrained_model_name_or_path", "model_id", "repo_id", "model_name"), has_revision=True)
_REPOSITORY = HubCall(0, ("repo_id",), has_revision=True, is_name=True)
_NAMED = HubCall(0, ("name", "model_name", "model"), is_name=True)
_NAME_OR_PATH = HubCall(0, ("model_name_or_path", "model_name", "model", "model_size_or_path", "name", "model_id"))

# By full name.
HUB_CALLS: dict[str, HubCall] = {
    **dict.fromkeys(("huggingface_hub.hf_hub_download", "huggingface_hub.snapshot_download",
                     "huggingface_hub.cached_download", "huggingface_hub.HfApi().snapshot_download",
                     "huggingface_hub.HfApi().hf_hub_download"), _REPOSITORY),
    "transformers.pipeline": HubCall(1, ("model",), "the default model of the task", has_revision=True),
    "diffusers.utils.load_image": HubCall(0, ("image",), only_url=True),
    "sentence_transformers.SentenceTransformer": HubCall(0, ("model_name_or_path",), has_revision=True),
    "sentence_transformers.CrossEncoder": HubCall(0, ("model_name", "model_name_or_path"), has_revision=True),
    "sentence_transformers.SparseEncoder": HubCall(0, ("model_name_or_path",), has_revision=True),
    "datasets.load_dataset": HubCall(0, ("path",), has_revision=True, is_name=True, is_local=_READERS),
    "evaluate.load": HubCall(0, ("path",), is_name=True),
    "torch.hub.load": HubCall(0, ("repo_or_dir",), is_name=True),
    "torch.hub.load_state_dict_from_url": HubCall(0, ("url",), is_name=True),
    "torch.hub.download_url_to_file": HubCall(0, ("url",), is_name=True),
    "torch.utils.model_zoo.load_url": HubCall(0, ("url",), is_name=True),
    "tensorflow_hub.load": HubCall(0, ("handle",), only_url=True),
    "tensorflow_hub.KerasLayer": HubCall(0, ("handle",), only_url=True),
    "whisper.load_model": _NAME_OR_PATH,
    "whisperx.load_model": _NAME_OR_PATH,
    "faster_whisper.WhisperModel": _NAME_OR_PATH,
    "easyocr.Reader": HubCall(None, ("download_enabled",), "the models of its languages", is_name=True),
    "clip.load": _NAME_OR_PATH,
    "open_clip.create_model_and_transforms": HubCall(1, ("pretrained",)),
    "open_clip.create_model": HubCall(1, ("pretrained",)),
    "gensim.downloader.load": _NAMED,
    "TTS.api.TTS": HubCall(0, ("model_name",), is_name=True),
    "vllm.LLM": HubCall(0, ("model",), has_revision=True),
    "vllm.AsyncEngineArgs": HubCall(0, ("model",), has_revision=True),
    "vllm.engine.arg_utils.AsyncEngineArgs": HubCall(0, ("model",), has_revision=True),
    "ultralytics.YOLO": HubCall(0, ("model",)),
    "fastembed.TextEmbedding": HubCall(0, ("model_name",), "its default model", is_name=True),
    "FlagEmbedding.BGEM3FlagModel": _NAME_OR_PATH,
    "FlagEmbedding.FlagModel": _NAME_OR_PATH,
    "FlagEmbedding.FlagReranker": _NAME_OR_PATH,
    "langchain_huggingface.HuggingFaceEmbeddings": HubCall(0, ("model_name", "model"), "its default model"),
    "langchain_community.embeddings.HuggingFaceEmbeddings": HubCall(0, ("model_name",), "its default model"),
    "langchain.embeddings.HuggingFaceEmbeddings": HubCall(0, ("model_name",), "its default model"),
    "sparknlp.pretrained.PretrainedPipeline": _NAMED,
    "paddleocr.PaddleOCR": HubCall(None, ("det_model_dir", "text_detection_model_dir"), "its models"),
    "insightface.app.FaceAnalysis": HubCall(None, ("root",), "its models"),
    "deeppavlov.build_model": _NAME_OR_PATH,
    "flair.models.SequenceTagger.load": _NAME_OR_PATH,
    "flair.models.TextClassifier.load": _NAME_OR_PATH,
    "nemo.collections.asr.models.ASRModel.from_pretrained": _NAMED,
    "speechbrain.inference.EncoderClassifier.from_hparams": HubCall(None, ("source",)),
    "speechbrain.pretrained.EncoderClassifier.from_hparams": HubCall(None, ("source",)),
    "fastai.learner.from_pretrained_fastai": _REPOSITORY,
    "huggingface_hub.from_pretrained_fastai": _REPOSITORY,
    "huggingface_hub.from_pretrained_keras": _REPOSITORY,
    "kagglehub.model_download": _NAMED,
    "kagglehub.dataset_download": _NAMED,
    "modelscope.snapshot_download": _NAMED,
    "modelscope.pipelines.pipeline": HubCall(1, ("model",), "the default model of the task"),
    "mlflow.pyfunc.load_model": HubCall(0, ("model_uri",), only_url=True),
    "mlflow.artifacts.download_artifacts": HubCall(0, ("artifact_uri",), only_url=True),
    "optimum.pipelines.pipeline": HubCall(1, ("model",), "the default model of the task", has_revision=True),
    "setfit.SetFitModel.from_pretrained": _PRETRAINED,
    "detectron2.model_zoo.get_checkpoint_url": HubCall(0, ("config_path",), is_name=True),
    "gliner.GLiNER.from_pretrained": _PRETRAINED,
    "keras_nlp.models.Backbone.from_preset": _NAME_OR_PATH,
    "laion_clap.CLAP_Module().load_ckpt": HubCall(0, ("ckpt",), "its default checkpoint"),
    "demucs.pretrained.get_model": _NAMED,
    "rembg.new_session": HubCall(0, ("model_name",), "its default model", is_name=True),
    "rembg.remove": HubCall(None, ("session",), "its default model"),
    "bark.preload_models": HubCall(None, (), "its models"),
    **dict.fromkeys(("peft.PeftModel.from_pretrained", "peft.PeftModelForCausalLM.from_pretrained",
                     "peft.PeftModelForSequenceClassification.from_pretrained",
                     "peft.PeftModelForSeq2SeqLM.from_pretrained"), HubCall(1, ("model_id",), has_revision=True)),
    **dict.fromkeys(("mlx_lm.load", "mlx_vlm.load", "outlines.models.transformers", "lmdeploy.pipeline",
                     "tokenizers.Tokenizer.from_pretrained"), _NAME_OR_PATH),
    "sglang.Engine": HubCall(None, ("model_path",), has_revision=True),
    "gpt4all.GPT4All": HubCall(0, ("model_name",), is_name=True),
    "InstructorEmbedding.INSTRUCTOR": _NAME_OR_PATH,
    "keybert.KeyBERT": HubCall(0, ("model",), "its default model"),
    "detoxify.Detoxify": HubCall(0, ("model_type",), "its default model", is_name=True),
    "pysentimiento.create_analyzer": HubCall(None, ("model_name",), "the default model of the task", is_name=True),
    "stanza.Pipeline": HubCall(0, ("lang",), "its default models", is_name=True),
    **dict.fromkeys((f"simpletransformers.{kind}.{name}" for kind, name in (
        ("classification", "ClassificationModel"), ("ner", "NERModel"),
        ("question_answering", "QuestionAnsweringModel"), ("t5", "T5Model"), ("seq2seq", "Seq2SeqModel"))),
        HubCall(1, ("model_name",))),
    **dict.fromkeys(("efficientnet_pytorch.EfficientNet.from_pretrained", "pretrainedmodels.utils.load_model",
                     "whisper_timestamped.load_model", "stable_whisper.load_model", "demucs.api.Separator",
                     "spleeter.separator.Separator", "clip_interrogator.Config", "xformers.from_pretrained",
                     "keras_hub.models.Backbone.from_preset"), _NAME_OR_PATH),
    "audiocraft.models.MusicGen.get_pretrained": HubCall(0, ("name",), "its default model"),
    "audiocraft.models.AudioGen.get_pretrained": HubCall(0, ("name",), "its default model"),
    "whisperx.load_align_model": HubCall(None, ("model_name",), "a model for aligning"),
    "whisperx.DiarizationPipeline": HubCall(0, ("model_name",), "its default model"),
    "whisperx.diarize.DiarizationPipeline": HubCall(0, ("model_name",), "its default model"),
    "lavis.models.load_model_and_preprocess": HubCall(0, ("name",), is_name=True),
    "super_gradients.training.models.get": HubCall(None, ("pretrained_weights",), is_name=True),
    "basicsr.utils.download_util.load_file_from_url": HubCall(0, ("url",), is_name=True),
    "gfpgan.GFPGANer": HubCall(None, ("model_rootpath",), "models that detect faces"),
    "facexlib.utils.face_restoration_helper.FaceRestoreHelper": HubCall(None, ("model_rootpath",), "its models"),
    "insightface.model_zoo.get_model": HubCall(0, ("name",)),
    "lpips.LPIPS": HubCall(None, ("pnet_rand",), "weights of its network"),
    "keras_ocr.pipeline.Pipeline": HubCall(None, ("detector",), "its models"),
    "doctr.models.ocr_predictor": HubCall(None, (), "its models"),
    "retinaface.RetinaFace.detect_faces": HubCall(None, ("model",), "its model"),
    **dict.fromkeys((f"deepface.DeepFace.{verb}" for verb in (
        "analyze", "represent", "verify", "find", "build_model", "extract_faces", "stream")),
        HubCall(None, (), "its models")),
    **dict.fromkeys(("chatterbox.tts.ChatterboxTTS.from_pretrained", "chatterbox.vc.ChatterboxVC.from_pretrained",
                     "chatterbox.mtl_tts.ChatterboxMultilingualTTS.from_pretrained", "kokoro.KPipeline",
                     "melo.api.TTS", "f5_tts.api.F5TTS", "styletts2.tts.StyleTTS2",
                     "simple_lama_inpainting.SimpleLama", "transparent_background.Remover",
                     "super_image.EdsrModel.from_pretrained", "denoiser.pretrained.dns64", "denoiser.pretrained.dns48",
                     "happytransformer.HappyTextToText", "happytransformer.HappyGeneration",
                     "happytransformer.HappyTextClassification", "fasttext_langdetect.detect", "ftlangdetect.detect",
                     "surya.model.detection.model.load_model", "surya.model.recognition.model.load_model",
                     "silero.silero_stt", "silero.silero_tts"), HubCall(None, (), "its weights")),
}  # fmt: skip
# Calls that download for some values of an argument, which stand beside its keyword.
CHOICES: dict[str, tuple[str, tuple[object, ...], str]] = {
    # Its package has the model of complexity 1 alone (mediapipe/python/solutions/pose.py).
    "mediapipe.solutions.pose.Pose": ("model_complexity", (0, 2), "a model of the body"),
    "mediapipe.solutions.holistic.Holistic": ("model_complexity", (0, 2), "a model of the body"),
}
# What is named with a tag or a stage, in a store that is no part of the package: the place of the name.
TAGGED = re.compile(r"bentoml\.(models\.get|(\w+\.)?(load_model|load_runner|get)|get)\Z")
# Services that models, speech, text and data are asked of, by whose library calls them.
_SERVICES = re.compile(
    r"("
    r"(openai|groq|anthropic|mistralai|cohere|together|replicate|ollama|litellm|google\.generativeai|google\.genai|vertexai|"
    r"azure\.(ai|cognitiveservices)|langchain_(openai|google_genai|groq|anthropic|mistralai|cohere)|elevenlabs|fireworks|"
    r"huggingface_hub\.(Async)?InferenceClient|inference_sdk)\b.*\.(create|generate_content|generate|chat|complete|"
    r"completion|acompletion|invoke|run|embed|text_generation|text_to_image|chat_completion|infer|parse|embeddings|converse)|"
    r"boto3\.client\(\)\.invoke_\w+|"
    r"mlflow\.(tracking\.)?MlflowClient\(\)\.(get|search|download)_\w+|mlflow\.(search_runs|get_run)|"
    r"(deep_translator|googletrans)\.\w+\(\)\.translate|gtts\.gTTS|deepl\.(Translator|DeepLClient)\(\)\.\w+|"
    r"speech_recognition\.Recognizer\(\)\.recognize_google|"
    r"yfinance\.download|yt_dlp\.YoutubeDL\(\)\.(download|extract_info)|wikipedia\.(summary|page|search)|"
    r"runpod\.serverless\.utils\.(download_files_from_urls|rp_download\.\w+|rp_upload\.\w+)|pyupload\.main\.\w+\(\)\.execute|"
    r"(s3fs|gcsfs|adlfs)\.\w+\(\)\.(open|get|download|ls|cat|glob)|(huggingface_hub|wandb)\.login|google\.cloud\.storage\.Client\(\)\.\w*get_\w+"
    r")\Z"
)
# By the name of the method, whatever the class.
_HUB_METHODS: dict[str, HubCall] = {
    "from_pretrained": _PRETRAINED,
    "from_preset": _NAME_OR_PATH,
    **dict.fromkeys(
        ("from_quantized", "from_single_file", "from_ckpt", "load_adapter", "load_from_hub", "from_hub"),
        HubCall(
            0,
            (
                "pretrained_model_name_or_path",
                "model_name_or_path",
                "pretrained_model_link_or_path",
                "peft_model_id",
                "repo_id",
                "model_id",
            ),
            has_revision=True,
        ),
    ),
    "from_hparams": HubCall(None, ("source",)),
    "load_lora_weights": HubCall(0, ("pretrained_model_name_or_path_or_dict",), has_revision=True),
    "load_ip_adapter": HubCall(0, ("pretrained_model_name_or_path_or_dict",), has_revision=True),
    "load_textual_inversion": HubCall(0, ("pretrained_model_name_or_path",), has_revision=True),
    "hf_hub_download": _REPOSITORY,
    "snapshot_download": _REPOSITORY,
}
# Constructors of models that download where a flag says so: full names begin so, and the keywords, with what the
# library takes where they are missing.
PRETRAINED_FLAGS: tuple[tuple[str, tuple[str, ...], object], ...] = (
    ("torchvision.models.detection.", ("weights_backbone", "pretrained_backbone"), "imagenet"),
    ("torchvision.models.segmentation.", ("weights_backbone", "pretrained_backbone"), "imagenet"),
    ("torchvision.models.", ("pretrained", "weights", "weights_backbone"), None),
    ("timm.create_model", ("pretrained",), None),
    ("tensorflow.keras.applications.", ("weights",), "imagenet"),
    ("keras.applications.", ("weights",), "imagenet"),
    ("efficientnet_pytorch.EfficientNet.from_name", ("pretrained",), None),
    ("segmentation_models_pytorch.", ("encoder_weights",), None),
    ("facenet_pytorch.InceptionResnetV1", ("pretrained",), None),
)
# Downloads of data, with what they say they get.
_DATA_CALLS: dict[str, str] = {
    "nltk.download": "data of NLTK",
    "nltk.downloader.download": "data of NLTK",
    "spacy.cli.download": "a model of spaCy",
    "spacy.cli.download.download": "a model of spaCy",
    "tiktoken.get_encoding": "a vocabulary of tiktoken",
    "tiktoken.encoding_for_model": "a vocabulary of tiktoken",
    "tensorflow.keras.utils.get_file": "a file",
    "keras.utils.get_file": "a file",
    "keras.utils.data_utils.get_file": "a file",
    "stanza.download": "a model of Stanza",
    "gdown.download": "a file of Google Drive",
    "gdown.download_folder": "a folder of Google Drive",
    "gdown.cached_download": "a file of Google Drive",
    "torchvision.datasets.utils.download_file_from_google_drive": "a file of Google Drive",
    "kaggle.api.dataset_download_files": "a data set",
    "kaggle.api.model_instance_version_download": "a model of Kaggle",
    "tensorflow_datasets.load": "a data set",
    "wget.download": "a file",
    "fasttext.util.download_model": "vectors of fastText",
    "torchtext.vocab.GloVe": "word vectors",
    "textblob.download_corpora": "corpora",
    "pooch.retrieve": "a file",
    "opendatasets.download": "a data set",
    "benepar.download": "a model of benepar",
    "argostranslate.package.update_package_index": "an index of packages",
    "seaborn.load_dataset": "a data set",
}
_DATA_SETS = re.compile(r"(tensorflow\.)?keras\.datasets\.\w+\.load_data\Z|sklearn\.datasets\.fetch_\w+\Z")
# Requests of any kind.
NETWORK_CALLS = frozenset((
    "urllib.request.urlretrieve", "urllib.request.urlopen", "urllib.urlretrieve", "urllib.urlopen", "urllib2.urlopen",
    "aiohttp.request", "torchvision.datasets.utils.download_url", "git.Repo.clone_from", "socket.create_connection",
    "webdataset.WebDataset", "skimage.io.imread_url", "wandb.Api().artifact", "wandb.restore", "wandb.init",
    "mlflow.tracking.MlflowClient().download_artifacts", "mlflow.MlflowClient().download_artifacts",
    "clearml.Model", "clearml.InputModel", "clearml.Dataset.get", "bentoml.models.import_model",
    *(f"{module}.{verb}" for module in ("requests", "httpx", "requests.Session()", "requests.session()",
                                        "httpx.Client()",
                                        "httpx.AsyncClient()", "aiohttp.ClientSession()", "urllib3.PoolManager()")
      for verb in ("get", "post", "put", "request", "stream", "head")),
))  # fmt: skip
# Methods of clients of object stores, of any owner: their names are their own.
NETWORK_METHODS = frozenset((
    "download_file", "download_fileobj", "download_to_filename", "download_as_bytes", "download_as_string",
    "download_as_text", "download_blob", "fget_object", "download_artifacts", "download_blob_to_file", "use_artifact",
    "download_to_file", "get_object", "upload_fileobj", "upload_from_filename", "upload_from_string", "put_object",
    "upload_from_file", "upload_blob",
))  # fmt: skip


def plain_name(name: str) -> str:
    """Return a full name with what is short for a library written out."""
    return name.replace("tf.", "tensorflow.", 1) if name.startswith("tf.") else name


def hub_call(name: str, method: str) -> Optional[HubCall]:
    """Return how a function, by its full name and the last part of that, loads from a hub; None for one that does
    not."""
    found = HUB_CALLS.get(plain_name(name)) or _HUB_METHODS.get(method)
    if not found and method == "load_model" and name.startswith("mlflow."):
        return HUB_CALLS["mlflow.pyfunc.load_model"]
    return found


def data_call(name: str) -> str:
    """Return what a function downloads as data, by its full name; "" for one that downloads none."""
    found = _DATA_CALLS.get(name, "")
    return found or ("a data set" if _DATA_SETS.match(name) else "")


def is_network_call(name: str, method: str, is_method: bool) -> bool:
    """Return whether a function, by its full name and the last part of that, asks a server."""
    if name in NETWORK_CALLS or (is_method and method in NETWORK_METHODS):
        return True
    return _SERVICES.match(name) is not None
