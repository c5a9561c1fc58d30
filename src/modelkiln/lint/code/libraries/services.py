"""Functions that ask a server: requests of any kind, clients of stores, and services by whose library calls them."""

import re
from functools import cache
from typing import Optional

__all__ = ["NETWORK_CALLS", "NETWORK_METHODS", "is_service"]

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
      for verb in ("get", "post", "put", "patch", "delete", "request", "stream", "head")),
))  # fmt: skip
# Methods of clients of object stores, of any owner: their names are their own.
NETWORK_METHODS = frozenset((
    "download_file", "download_fileobj", "download_to_filename", "download_as_bytes", "download_as_string",
    "download_as_text", "download_blob", "fget_object", "download_artifacts", "download_blob_to_file", "use_artifact",
    "download_to_file", "get_object", "upload_fileobj", "upload_from_filename", "upload_from_string", "put_object",
    "upload_from_file", "upload_blob", "upload_file", "list_objects", "list_objects_v2", "list_blobs",
))  # fmt: skip


# What asks a service, by the first name of a library: a regular expression of the rest of the full name, where "()"
# stands for what a class or a function gave.
_ASKS = (
    r"([\w.()]*\.)?(create|generate\w*|chat|complete\w*|acompletion|a?invoke|a?run|a?stream|a?predict|embed\w*|"
    r"\w+_generation|text_to_\w+|\w+_to_text|chat_completion|infer\w*|parse|converse|edit|send_message\w*|rerank|"
    r"transcribe|upload|feature_extraction|\w*classification|\w+_answering|translation|summarization|retrieve|moderate|"
    r"submit|subscribe|play)"
)
_ANY = r"[\w.]+\(\)[\w.()]*\.\w+"
_SERVICES: dict[str, str] = {
    **dict.fromkeys((
        "openai", "groq", "anthropic", "mistralai", "cohere", "together", "replicate", "ollama", "fireworks",
        "vertexai",
        "langchain_openai", "langchain_google_genai", "langchain_groq", "langchain_anthropic", "langchain_mistralai",
        "langchain_cohere", "langchain_aws", "langchain_google_vertexai", "langchain_ollama", "inference_sdk",
        "voyageai",
        "dashscope", "zhipuai", "qianfan", "cerebras", "fal_client", "aleph_alpha_client", "ai21", "xai_sdk",
        "writerai",
        "deepinfra", "instructor", "aisuite", "google_genai", "portkey_ai", "banana_dev", "assemblyai", "deepgram",
        "cartesia", "elevenlabs", "playht", "stability_sdk", "runwayml", "tavily", "exa_py", "jina", "nomic",
    ), _ASKS),
    **dict.fromkeys(("langchain", "langchain_community", "llama_index"), (
        r"(chat_models|llms|multi_modal_llms)\b[\w.]*\.(Azure)?(Chat)?(OpenAI|OpenAILike|Anthropic|Groq|Google\w+|Gemini|"
        r"Cohere|HuggingFaceHub|HuggingFaceEndpoint|HuggingFaceInferenceAPI|Replicate|Ollama|Bedrock|Together|MistralAI)"
        r"\(\)[\w.()]*\.\w+"
    )),
    "sqlalchemy": r"(ext\.asyncio\.)?create_(async_)?engine",
    "litellm": r"a?completion|a?embedding|\w*image_generation|a?transcription",
    "google": r"(generativeai|genai)\b.*\.(\w*generate_\w+|send_message\w*|embed_\w+|count_tokens|upload_file|"
    r"get_file)|"
    r"cloud\.storage\.Client\(\)[\w.()]*\.(get|list|upload|download)_\w+|"
    r"cloud\.(?!storage\b|logging\b)[\w.]+\(\)(\.\w+|\(\))*\.(?!(dataset|table|collection|document|\w+_path)\Z)\w+|"
    r"generativeai\.(embed_content|upload_file)",
    "azure": r"(ai|cognitiveservices|storage|identity|search|cosmos|keyvault|"
    r"servicebus)\b.*\(\)\.(?!get_\w*client\Z)\w+",
    "huggingface_hub": r"(Async)?Inference(Client|Api)\(\)(\(\)|\.\w+)+|login|HfApi\(\)\.\w+|list_\w+|"
    r"create_repo|upload_\w+|"
    r"model_info|repo_exists|file_exists|InferenceClient\(\)",
    "boto3": r"(session\.)?(Session\(\)\.)?(client|resource)\(\)[\w.()]*\."
    r"(?!(meta|exceptions|can_paginate|get_paginator|get_waiter|generate_presigned_\w+|close|(head|delete|"
    r"create)_\w+|Bucket|Object|Table|Queue)\Z)\w+",
    "aioboto3": r".*\.(?!(client|resource|Session)\Z)\w+",
    "sagemaker": r"[\w.]*[pP]redictor\(\)\.predict|.*\(\)\.(deploy|fit|transform)",
    "mlflow": r"(tracking\.)?MlflowClient\(\)\.(get|search|download|list)_\w+|search_runs|get_run|"
    r"search_model_versions|"
    r"search_experiments|get_experiment_by_name|get_experiment|register_model",
    "deep_translator": r"\w+\(\)\.translate\w*",
    "googletrans": r"\w+\(\)\.(translate|detect)",
    "translators": r"translate_\w+",
    "translate": r"Translator\(\)\.translate",
    "textblob": r"TextBlob\(\)\.translate",
    "mtranslate": r"translate",
    "deepl": r"(Translator|DeepLClient)\(\)\.\w+",
    "gtts": r"gTTS",
    "edge_tts": r"Communicate",
    "speech_recognition": r"Recognizer\(\)\.recognize_(?!sphinx|whisper\Z|vosk|faster_whisper)\w+",
    "yfinance": r"download|Ticker\(\)\.\w+|Tickers\(\)\.\w+|Search",
    "pandas_datareader": r"[\w.]+",
    "ccxt": r"\w+\(\)\.(fetch_\w+|load_markets|create_\w+)",
    "alpha_vantage": _ANY,
    "fredapi": _ANY,
    "quandl": r"get",
    "binance": r"[\w.]+\(\)\.\w+",
    "newsapi": _ANY,
    "feedparser": r"parse",
    "tweepy": _ANY,
    "praw": r"Reddit\(\).*\.\w+",
    "googleapiclient": r"discovery\.build(\(\).*\.execute)?",
    "googlesearch": r"search",
    "arxiv": r"(Search|Client)\(\)\.(results|get)|query",
    "ddgs": _ANY,
    "duckduckgo_search": _ANY,
    "serpapi": r".*\.(get_dict|search)",
    "wikipedia": r"summary|page|search|random",
    "wikipediaapi": r"\w+\(\)\.page",
    "pytube": r"YouTube",
    "pytubefix": r"YouTube",
    "yt_dlp": r"YoutubeDL\(\)\.(download|extract_info)",
    "youtube_dl": r"YoutubeDL\(\)\.(download|extract_info)",
    "youtube_transcript_api": r"YouTubeTranscriptApi(\(\))?\.\w+",
    "requests_html": r"\w+\(\)\.(get|post)",
    "cloudscraper": r"create_scraper\(\)\.(get|post)",
    "trafilatura": r"fetch_url",
    "newspaper": r"Article\(\)\.download",
    "selenium": r"webdriver\.\w+\(\)\.get",
    "geopy": r".*\(\)\.(geocode|reverse)",
    "osmnx": r"[\w.]*(graph|features|geometries)_from_\w+|geocode\w*",
    "ee": r"Initialize|Authenticate",
    "cdsapi": _ANY,
    "openmeteo_requests": _ANY,
    "pyowm": r".*\.weather_at_\w+",
    "spotipy": r"Spotify\(\)\.\w+",
    "lyricsgenius": _ANY,
    "tmdbv3api": _ANY,
    "roboflow": r"Roboflow\(\)\.\w+",
    "gradio_client": r"Client(\(\)\.\w+)?",
    "modal": r".*\.remote",
    "dvc": r"api\.(open|read|get_url)",
    "hopsworks": r"login",
    "wandb": r"login|init|restore|Api\(\)\.\w+",
    "weave": r"init",
    "comet_ml": r"Experiment|start|API\(\)\.\w+",
    "neptune": r"init\w*",
    "clearml": r"Task\.(init|get_task)|Model|InputModel",
    "pymongo": r"MongoClient",
    "motor": r"motor_asyncio\.AsyncIOMotorClient",
    "redis": r"(asyncio\.)?(Redis|StrictRedis|from_url|Redis\.from_url)",
    "psycopg2": r"connect|pool\.\w+",
    "psycopg": r"connect|AsyncConnection\.connect",
    "asyncpg": r"connect|create_pool",
    "pymysql": r"connect",
    "mysql": r"connector\.connect",
    "MySQLdb": r"connect",
    "pyodbc": r"connect",
    "pymssql": r"connect",
    "oracledb": r"connect",
    "cx_Oracle": r"connect",
    "snowflake": r"connector\.connect",
    "clickhouse_connect": r"get_client",
    "databricks": r"sql\.connect",
    "trino": r"dbapi\.connect",
    "influxdb_client": r"InfluxDBClient",
    "neo4j": r"GraphDatabase\.driver",
    "elasticsearch": r"Elasticsearch|AsyncElasticsearch",
    "opensearchpy": r"OpenSearch",
    "supabase": r"create_client",
    "firebase_admin": r"initialize_app",
    "pinecone": r"Pinecone|init|Index",
    "weaviate": r"Client|connect_to_(?!embedded)\w+",
    "chromadb": r"HttpClient|CloudClient|AsyncHttpClient",
    "pika": r"BlockingConnection|SelectConnection",
    "kafka": r"Kafka(Producer|Consumer)",
    "confluent_kafka": r"Producer|Consumer",
    "paho": r".*Client\(\)\.connect",
    "smtplib": r"SMTP(_SSL)?",
    "ftplib": r"FTP(_TLS)?",
    "paramiko": r"(SSHClient\(\)\.connect|Transport)",
    "twilio": r".*\.create",
    "slack_sdk": r"(web\.)?\w+\(\)\.\w+",
    "grpc": r"(aio\.)?(in)?secure_channel",
    "websocket": r"create_connection",
    "tritonclient": r"(http|grpc)(\.aio)?\.InferenceServerClient",
    "websockets": r"connect",
    "xmlrpc": r"client\.ServerProxy",
    "minio": r"Minio\(\)\.\w+",
    "oss2": r"\w+\(\)\.\w+",
    "qcloud_cos": r"\w+\(\)\.\w+",
    "cloudinary": r"uploader\.\w+",
    "pyupload": r"main\.\w+\(\)\.execute",
    "b2sdk": _ANY,
    "s3fs": r"\w+\(\)\.\w+",
    "gcsfs": r"\w+\(\)\.\w+",
    "adlfs": r"\w+\(\)\.\w+",
    "runpod": r"serverless\.utils\.(rp_download\.|rp_upload\.)?(download|upload|file)\w*|"
    r"serverless\.modules\.rp_http\.\w+",
    "datarobot": r"Client|\w+\.get",
    "kaggle": r"api\.\w+",
    "sentinelhub": r".*\.get_data",
    "meteostat": r"\w+\(\)\.fetch",
    "telegram": r"Bot\(\)\.\w+",
    "telebot": r"TeleBot\(\)\.\w+",
}  # fmt: skip


@cache
def _pattern(root: str) -> Optional[re.Pattern]:
    rest = _SERVICES.get(root)
    return re.compile(f"(?:{rest})\\Z") if rest else None


def is_service(name: str) -> bool:
    """Return whether a function, by its full name, asks a service by the library of that."""
    root, _, rest = name.partition(".")
    pattern = _pattern(root)
    return pattern is not None and pattern.match(rest) is not None
