"""Files of tokenizers: models of sentencepiece, vocabularies, merges and settings of Hugging Face's, and tiktoken's."""
