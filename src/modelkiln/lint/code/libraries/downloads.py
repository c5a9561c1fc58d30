"""What a function gets from the network, by its full name."""

import re
from typing import Optional

from modelkiln.lint.code.libraries.data import DATA_CALLS, DATA_SETS
from modelkiln.lint.code.libraries.hubs import HUB_CALLS, HUB_METHODS, HUB_PATTERNS, HubCall
from modelkiln.lint.code.libraries.services import NETWORK_CALLS, NETWORK_METHODS, is_service

__all__ = ["TAGGED", "data_call", "hub_call", "is_downloader", "is_network_call", "plain_name"]

# What is named with a tag or a stage, in a store that is no part of the package: the place of the name.
TAGGED = re.compile(r"bentoml\.(models\.get|(\w+\.)?(load_model|load_runner|get)|get)\Z")
_DOWNLOADER = re.compile(
    r"(\A|_)(download|upload|fetch|pull|send_e?mail)(_|\Z)|\ADownload(er)?\Z|"
    r"_from_(url|s3|gcs|hub|huggingface|gdrive|drive)\Z"
)
# Of a function that says which service it asks: `transcribe_with_groq`.
_ASKS_SERVICE = re.compile(
    r"(\A|_)(with|via|using|call|ask|query)_(openai|groq|gemini|anthropic|claude|elevenlabs|gtts|deepgram|"
    r"assemblyai|bedrock|ollama|cohere|gpt\d?|chatgpt|llm_api|replicate)(_|\Z)"
)
_NO_DOWNLOADER = re.compile(
    r"\A_|button|fetch_?(one|all|many|val|row)|_pull_request|upload_(dir|folder|path|size|limit)|\Afetch\Z"
)


def plain_name(name: str) -> str:
    """Return a full name with what is short for a library written out."""
    return name.replace("tf.", "tensorflow.", 1) if name.startswith("tf.") else name


def hub_call(name: str, method: str) -> Optional[HubCall]:
    """Return how a function, by its full name and the last part of that, loads from a hub; None for one that does
    not."""
    plain = plain_name(name)
    found = HUB_CALLS.get(plain) or HUB_METHODS.get(method)
    if not found and method == "load_model" and name.startswith("mlflow."):
        return HUB_CALLS["mlflow.pyfunc.load_model"]
    return found or next((call for pattern, call in HUB_PATTERNS if pattern.match(plain)), None)


def data_call(name: str) -> str:
    """Return what a function downloads as data, by its full name; "" for one that downloads none."""
    found = DATA_CALLS.get(name, "")
    return found or ("a data set" if DATA_SETS.match(name) else "")


def is_network_call(name: str, method: str, is_method: bool) -> bool:
    """Return whether a function, by its full name and the last part of that, asks a server."""
    if name in NETWORK_CALLS or (is_method and method in NETWORK_METHODS):
        return True
    return is_service(name)


def is_downloader(name: str) -> bool:
    """Return whether a function of a module that is not at hand is called as if it asked a server: by its full name."""
    owner, _, last = name.rpartition(".")
    if not owner or "?" in name or "()" in name:
        return False
    if _ASKS_SERVICE.search(last):
        return True
    return _DOWNLOADER.search(last) is not None and not _NO_DOWNLOADER.search(last)
