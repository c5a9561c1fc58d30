"""What code gets from the network, installs and makes at run time."""

import pytest

from modelkiln.lint.linter import lint
from modelkiln.lint.subject import SourceFile, Subject


def rules(line, head=""):
    """Rules of what is found in a function of a script, in their order, without those of paths."""
    body = f"{head}\n\n\ndef predict(inputs, model):\n    {line}\n    return inputs\n"
    findings = lint(Subject("x", (SourceFile("predict.py", body.encode()),), entry_point="predict:predict"))
    return [one.rule for one in findings if one.rule[2] in "23"]


_TRANSFORMERS = "from transformers import AutoModel, pipeline"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("AutoModel.from_pretrained('bert-base-uncased', revision='86b5e093')", ["MK201"]),
        ("AutoModel.from_pretrained('acme/bert')", ["MK201", "MK301"]),
        ("AutoModel.from_pretrained('acme/bert', revision='main')", ["MK201", "MK301"]),
        ("AutoModel.from_pretrained('acme/bert', revision='fp16')", ["MK201", "MK301"]),
        ("AutoModel.from_pretrained('acme/bert', revision='v1.2.0')", ["MK201"]),
        ("AutoModel.from_pretrained('acme/bert', local_files_only=True)", []),
        ("AutoModel.from_quantized('acme/bert')", ["MK201", "MK301"]),
        ("{'trust_remote_code': True}", ["MK205"]),
        ("{'trust_remote_code': False}", []),
        ("AutoModel.from_pretrained(model / 'bert')", []),
        ("AutoModel.from_pretrained(str(model))", []),
        ("AutoModel.from_pretrained('./bert')", []),
        ("AutoModel.from_pretrained('models/bert')", []),
        ("AutoModel.from_pretrained('fine_tuned')", []),
        ("AutoModel.from_pretrained(inputs['path'])", []),
        ("AutoModel.from_pretrained(inputs['model_id'])", ["MK201", "MK301"]),
        ("pipeline('sentiment-analysis')", ["MK201"]),
        ("pipeline('ner', model=str(model / 'ner'))", []),
        ("AutoModel.from_pretrained(model / 'bert', trust_remote_code=True)", ["MK205"]),
        ("AutoModel.from_pretrained(model / 'bert', trust_remote_code=False)", []),
    ],
)
def test_transformers(line, expected):
    """A name of the hub is a download, and a path below the model is not."""
    assert expected == rules(line, _TRANSFORMERS)


@pytest.mark.parametrize(
    ("head", "line", "expected"),
    [
        ("import huggingface_hub as h", "h.hf_hub_download('acme/bert', 'config.json', revision='86b5e09')", ["MK201"]),
        ("from huggingface_hub import snapshot_download as s", "s('acme/bert')", ["MK201", "MK301"]),
        ("import torch", "torch.hub.load('pytorch/vision:v0.10.0', 'resnet18')", ["MK201"]),
        ("import torch", "torch.hub.load('pytorch/vision', 'resnet18')", ["MK201", "MK301"]),
        ("import sentence_transformers as s", "s.SentenceTransformer('all-MiniLM-L6-v2')", ["MK201", "MK301"]),
        ("import sentence_transformers as s", "s.SentenceTransformer(str(model / 'all'))", []),
        ("import torchvision", "torchvision.models.resnet50(pretrained=True)", ["MK201"]),
        ("import torchvision", "torchvision.models.resnet50()", []),
        ("import torchvision", "torchvision.models.resnet50().to('cpu')", []),
        ("from tensorflow import keras", "keras.applications.ResNet50()", ["MK201"]),
        ("from tensorflow import keras", "keras.applications.ResNet50(weights=None)", []),
        ("import nltk", "nltk.download('punkt')", ["MK202"]),
        ("import tiktoken", "tiktoken.get_encoding('cl100k_base')", ["MK202"]),
        ("import tensorflow as tf", "tf.keras.utils.get_file('w.h5', 'https://example.com/w.h5')", ["MK202"]),
        ("import spacy.cli", "spacy.cli.download('en_core_web_sm')", ["MK202"]),
        ("from urllib import request", "request.urlretrieve('https://example.com/w', '/tmp/w')", ["MK203"]),
        ("import requests", "requests.get('https://example.com/w')", ["MK203"]),
        ("import requests", "requests.get('http://localhost:8080/v2')", []),
        ("import requests", "requests.Session().get(inputs['url'])", ["MK203"]),
        ("import boto3", "boto3.client('s3').download_file('b', 'k', '/tmp/w')", ["MK203"]),
        ("import mlflow", "mlflow.pyfunc.load_model('models:/foo/Production')", ["MK201", "MK301"]),
        ("import pandas", "pandas.read_csv('https://example.com/t.csv')", ["MK203"]),
        ("import os", "os.system('pip install x')", ["MK204"]),
        ("import subprocess, sys", "subprocess.run([sys.executable, '-m', 'pip', 'install', 'x'])", ["MK204"]),
        ("import subprocess", "subprocess.check_call('apt-get -y install x', shell=True)", ["MK204"]),
        ("import subprocess", "subprocess.run(['wget', inputs['url']])", ["MK203"]),
        ("import subprocess", "subprocess.run(['ls', '-l'])", []),
        ("import pip", "pip.main(['install', 'x'])", ["MK204"]),
        ("", "exec(inputs['code'])", ["MK206"]),
        ("", "eval('1 + 1')", []),
        ("", "model.eval()", []),
        ("import importlib", "importlib.import_module(inputs['name'])", ["MK207"]),
        ("import importlib", "importlib.import_module('json')", []),
        ("", "__import__('js' + 'on')", []),
    ],
)
def test_libraries(head, line, expected):
    """By the full name of what is called, whatever it was imported as."""
    assert expected == rules(line, head)


@pytest.mark.parametrize(
    ("head", "line", "expected"),
    [
        ("from peft import PeftModel", "PeftModel.from_pretrained(inputs, 'acme/lora')", ["MK201", "MK301"]),
        ("import mediapipe as mp", "mp.solutions.pose.Pose(model_complexity=2)", ["MK201"]),
        ("import mediapipe as mp", "mp.solutions.pose.Pose(model_complexity=1)", []),
        ("import bentoml", "bentoml.models.get('spam:latest')", ["MK301"]),
        ("import bentoml", "bentoml.sklearn.load_model('spam')", ["MK301"]),
        ("import bentoml", "bentoml.models.get('spam:mihd4xebh2a7lgsk')", []),
        ("import mlflow", "mlflow.sklearn.load_model('models:/foo/3')", ["MK201"]),
        ("from chatterbox.tts import ChatterboxTTS", "ChatterboxTTS.from_pretrained(device='cuda')", ["MK201"]),
        ("from deepface import DeepFace", "DeepFace.represent(img_path=inputs)", ["MK201"]),
        ("import nets", "nets.resnet(pretrained=True)", ["MK201"]),
        ("import nets", "nets.resnet(pretrained=False)", []),
        (
            "from torchvision.models import ResNet18_Weights, resnet18\nW = ResNet18_Weights.DEFAULT",
            "resnet18(weights=W)",
            ["MK201"],
        ),
        ("from datasets import load_dataset", "load_dataset('json', data_files=inputs)", []),
        ("import tensorflow as tf", "tf.keras.datasets.mnist.load_data()", ["MK202"]),
        ("import boto3", "boto3.client('s3').put_object(Body=inputs)", ["MK203"]),
        ("from openai import OpenAI", "OpenAI().chat.completions.create(messages=inputs)", ["MK203"]),
        ("from gtts import gTTS", "gTTS(inputs)", ["MK203"]),
        (
            "import boto3\n\n\ndef client():\n    return boto3.client('s3')",
            "client().get_object(Key='w')",
            ["MK203"],
        ),
        ("import mlflow\nC = mlflow.MlflowClient()", "C.get_model_version_by_alias('a', 'b')", ["MK203"]),
        ("import os", "os.system('pip install x'.strip())", ["MK204"]),
        ("import shlex, subprocess", "subprocess.run(shlex.split('pip install x'))", ["MK204"]),
        ("import subprocess", "subprocess.run('pip install x'.split())", ["MK204"]),
        ("import subprocess\nC = ['pip', 'install']", "subprocess.run(C + ['x'])", ["MK204"]),
    ],
)
def test_more_libraries(head, line, expected):
    """What downloads by an option, by default, from a store beside the package, or through a name."""
    assert expected == rules(line, head)


@pytest.mark.parametrize(
    ("head", "line", "expected"),
    [
        ("import boto3", "boto3.client('polly').synthesize_speech(Text=inputs)", ["MK203"]),
        ("import boto3", "boto3.Session().client('lambda').invoke(Payload=inputs)", ["MK203"]),
        ("import boto3", "boto3.client('s3').meta.region_name", []),
        ("import boto3", "boto3.client('s3').get_paginator('list_objects_v2')", []),
        ("import replicate", "replicate.run('acme/sdxl', input=inputs)", ["MK203"]),
        ("import litellm", "litellm.completion(model='gpt-4o', messages=inputs)", ["MK203"]),
        ("from google.cloud import vision", "vision.ImageAnnotatorClient().label_detection(image=inputs)", ["MK203"]),
        ("from google.cloud import storage", "storage.Client().bucket('b').blob('k')", []),
        ("import psycopg2", "psycopg2.connect(dsn=inputs)", ["MK203"]),
        ("import redis", "redis.Redis(host='localhost')", []),
        ("import redis", "redis.from_url('redis://127.0.0.1:6379/0')", []),
        ("import speech_recognition as sr", "sr.Recognizer().recognize_google(inputs)", ["MK203"]),
        ("import speech_recognition as sr", "sr.Recognizer().recognize_sphinx(inputs)", []),
        ("from huggingface_hub import InferenceClient", "InferenceClient().text_to_image(inputs)", ["MK203"]),
        (
            "from langchain_openai import ChatOpenAI\nfrom prompts import PROMPT, parser\n"
            "chain = PROMPT | ChatOpenAI() | parser",
            "chain.invoke(inputs)",
            ["MK203"],
        ),
        ("from steps import one, two\nchain = one | two", "chain.invoke(inputs)", []),
        (
            "from langchain_openai import ChatOpenAI\nfrom chains import QA\nqa = QA.from_chain_type(llm=ChatOpenAI())",
            "qa.run(inputs)",
            ["MK203"],
        ),
        ("from chains import QA\nqa = QA.from_chain_type(llm=1)", "qa.run(inputs)", []),
        ("from langchain.chat_models import ChatOpenAI", "ChatOpenAI().predict(inputs)", ["MK203"]),
        ("import sqlalchemy", "sqlalchemy.create_engine('postgresql://db.example.com/x')", ["MK203"]),
        ("import sqlalchemy", "sqlalchemy.create_engine('sqlite:///:memory:')", []),
        ("import requests", "requests.delete('https://example.com/' + inputs)", ["MK203"]),
        ("import arxiv", "arxiv.Search(query=inputs).results()", ["MK203"]),
        ("from voice import transcribe_with_groq", "transcribe_with_groq(inputs)", ["MK203"]),
        ("from voice import transcribe", "transcribe(inputs, api_key=model)", ["MK203"]),
        ("from schemas import Tool", "Tool.from_openai(inputs)", []),
        ("from utils import send_email", "send_email(inputs)", ["MK203"]),
        ("import webbrowser", "webbrowser.open('http://localhost:8000')", []),
    ],
)
def test_services(head, line, expected):
    """By the library that asks them; what only describes a client, or asks this machine, is none."""
    assert expected == rules(line, head)


@pytest.mark.parametrize(
    ("head", "line", "expected"),
    [
        ("from marker.models import create_model_dict", "create_model_dict()", ["MK201"]),
        ("import torchaudio", "torchaudio.pipelines.WAV2VEC2_BASE.get_model()", ["MK201"]),
        ("from ultralytics import SAM", "SAM('sam_b.pt')", ["MK201"]),
        ("from ultralytics import YOLO", "YOLO('yolov8n.pt')", ["MK201"]),
        ("import stanza", "stanza.Pipeline('en', download_method=None)", []),
        ("from ppgan.apps import Pixel2Style2PixelPredictor", "Pixel2Style2PixelPredictor()", ["MK201"]),
        ("from hub import push_to_hub", "push_to_hub(repo_id='ada/bert-7b')", []),
        ("from log import log_answer", "log_answer(model='ada/bert-7b')", []),
        ("from remote import checkpoint_of\nmodel_repo = 'ada/bert-7b'", "checkpoint_of(model_repo)", ["MK201"]),
        ("import segmentation_models_pytorch as smp", "smp.Unet('resnet34')", ["MK201"]),
        ("import segmentation_models_pytorch as smp", "smp.Unet('resnet34', encoder_weights=None)", []),
        ("import timm", "timm.create_model('vit_base', True)", ["MK201"]),
        ("from docling.document_converter import DocumentConverter", "DocumentConverter()", ["MK201"]),
        ("from gfpgan import GFPGANer", "GFPGANer('https://example.com/w.pth')", ["MK201"]),
    ],
)
def test_weights_by_default(head, line, expected):
    """Libraries that get their own weights, unless they are given some."""
    assert expected == rules(line, head)


@pytest.mark.parametrize(
    ("head", "line", "expected"),
    [
        ("from helpers import download_weights", "download_weights(inputs)", ["MK203"]),
        ("from helpers import load_from_url", "load_from_url(inputs)", ["MK203"]),
        ("import streamlit as st", "st.download_button('Get it', inputs)", []),
        ("import storage", "storage.cursor().fetchall()", []),
        ("def download_weights(x):\n    return x", "download_weights(inputs)", []),
        ("from nets import Encoder", "Encoder(model_name='acme/bert-base')", ["MK201"]),
        ("from nets import load_model", "load_model('acme/bert-base')", ["MK201"]),
        ("from agents import LLM", "LLM(model='openai/gpt-4o')", ["MK203"]),
        ("from nets import load_model", "load_model('models/bert-base')", []),
        ("from nets import Dataloader", "Dataloader('acme/bert-base')", []),
        ("from api import Response", "Response(inputs, media_type='application/x-tar')", []),
        ("from nets import load_image", "load_image('https://example.com/a.png')", ["MK203"]),
        ("from diffusers.utils import load_image", "load_image(inputs['image_url'])", ["MK203"]),
        ("from diffusers.utils import load_image", "load_image(inputs)", []),
        ("from nets import Dia", "Dia.from_huggingface(repo_id=inputs['repo'])", ["MK201"]),
        ("from nets import load", "load(repo_id=inputs['repo'])", ["MK201"]),
        (
            "from transformers import AutoModel",
            "AutoModel.from_pretrained(inputs.model_name_or_path)",
            ["MK201", "MK301"],
        ),
    ],
)
def test_functions_that_nobody_lists(head, line, expected):
    """By what they are called and given: the rule is not sure then, and what the package has itself is read."""
    assert expected == rules(line, head)


@pytest.mark.parametrize(
    "head",
    [
        "def run(command):\n    subprocess.run(command)\n\n\nrun(['pip', 'install', 'x'])",
        "def run(command):\n    subprocess.run(command, shell=True)\n\n\nrun('ls')\nrun('pip install x')",
    ],
)
def test_a_command_is_followed_to_those_who_give_it(head):
    """A function that runs its argument is found with what its callers hand over."""
    assert ["MK204"] == rules("pass", f"import subprocess\n\n\n{head}")


def test_a_method_of_the_package_is_not_a_library():
    """`from_pretrained` of a class of its own loads what that does."""
    head = "class Scaler:\n    @classmethod\n    def from_pretrained(cls, name):\n        return cls()"
    assert [] == rules("Scaler.from_pretrained('acme/scaler')", head)


def test_what_is_made_of_itself_ends():
    """Names that are bound to calls of themselves, in circles and deep chains, take no time."""
    chain = "\n".join(f"x = x.f{number}(x, x, x, x)" for number in range(300))
    assert [] == rules("x.get('a')", f"x = y\ny = x\n{chain}")


def test_functions_and_modules_in_circles_end():
    """A function as a path, and modules that import a name from each other."""
    head = "from predict import other\nimport predict\n\n\ndef load():\n    return load\n\n\nother = predict.other"
    assert [] == rules("open(load)\n    open(load())\n    open(other)\n    open(predict.load)", head)


def test_long_sums_are_shown_shortened():
    """Generated expressions are nested as deeply as they are long."""
    long = " + ".join(["inputs['x']"] * 900)
    assert ["MK206"] == rules(f"eval({long})")
    assert [] == rules(f"subprocess.run({long})", "import subprocess")
    assert ["MK207"] == rules(f"__import__({long})")
    assert [] == rules(f"AutoModel.from_pretrained({long})", _TRANSFORMERS)


def test_urls_are_shown_without_their_secrets():
    """Neither the user's name and password nor the query stand in a message."""
    url = "https://ada:pass@example.com/w.bin?token=secret"
    body = f"import requests\n\n\ndef predict(inputs, model):\n    return requests.get({url!r})\n"
    (finding,) = lint(Subject("x", (SourceFile("predict.py", body.encode()),), entry_point="predict:predict"))
    assert "requests.get fetches from 'https://example.com/w.bin' in predict" == finding.message
