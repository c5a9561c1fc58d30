"""Functions that download data: corpora, vocabularies, languages, data sets."""

import re

__all__ = ["DATA_CALLS", "DATA_SETS"]

# Downloads of data, with what they say they get.
DATA_CALLS: dict[str, str] = {
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
    "nltk.downloader.Downloader().download": "data of NLTK",
    "spacy_download.load_spacy": "a model of spaCy",
    "camel_tools.data.download": "data of CAMeL",
    "unidic.download.download_version": "a dictionary",
    "classla.download": "a model of CLASSLA",
    "pycaret.datasets.get_data": "a data set",
    "statsmodels.datasets.get_rdataset": "a data set",
    "ucimlrepo.fetch_ucirepo": "a data set",
    "openml.datasets.get_dataset": "a data set",
    "librosa.example": "a recording",
    "librosa.ex": "a recording",
    "kagglehub.load_dataset": "a data set",
    "argostranslate.package.get_available_packages": "an index of packages",
    "torchtext.vocab.FastText": "word vectors",
    "tldextract.extract": "a list of suffixes",
    "tldextract.TLDExtract": "a list of suffixes",
    "fiftyone.zoo.load_zoo_dataset": "a data set",
    "fiftyone.zoo.load_zoo_model": "a model",
    "tensorflow_datasets.builder": "a data set",
}
DATA_SETS = re.compile(
    r"(tensorflow\.)?keras\.datasets\.\w+\.load_data\Z|(sklearn|nilearn)\.datasets\.fetch_\w+\Z|"
    r"shap\.datasets\.\w+\Z|mne\.datasets\.\w+\.data_path\Z|torchtext\.datasets\.\w+\Z"
)
