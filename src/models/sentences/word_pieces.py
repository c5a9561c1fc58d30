"""BERT's tokenizer without case: words, and the longest pieces of them that a vocabulary has."""

import unicodedata

_LONGEST_WORD = 100


class WordPieces:
    """vocabulary: pieces by their numbers; those that continue a word begin with ##."""

    def __init__(self, vocabulary):
        self._numbers = {piece: number for number, piece in enumerate(vocabulary)}

    def ids(self, text, longest):
        """Return the numbers of a text's pieces between [CLS] and [SEP], at most `longest` of them."""
        found = [number for word in _words(text) for number in self._pieces(word)]
        return [self._numbers["[CLS]"], *found[: longest - 2], self._numbers["[SEP]"]]

    def _pieces(self, word):
        found, start = [], 0
        while start < len(word):
            ends = range(len(word), start, -1)
            pieces = (("##" if start else "") + word[start:end] for end in ends)
            number = next(
                ((self._numbers[piece], end) for piece, end in zip(pieces, ends) if piece in self._numbers), None
            )
            if number is None or len(word) > _LONGEST_WORD:
                return [self._numbers["[UNK]"]]
            found.append(number[0])
            start = number[1]
        return found


def _words(text):
    """Words in lower case without accents, and each sign and each Chinese character alone."""
    spaced = []
    for character in text:
        if _is_space(character):
            spaced.append(" ")
        elif unicodedata.category(character) not in ("Cc", "Cf", "Co") and character != "\ufffd":
            spaced.append(f" {character} " if _is_chinese(ord(character)) else character)
    # Letter by letter: as a whole, a word has another sigma at its end.
    plain = unicodedata.normalize("NFD", "".join(character.lower() for character in "".join(spaced)))
    signs = "".join(
        f" {character} " if _is_sign(character) else character
        for character in plain
        if unicodedata.category(character) != "Mn"
    )
    return signs.split()


def _is_space(character):
    return character in " \t\n\r" or unicodedata.category(character) == "Zs"


def _is_sign(character):
    # ASCII's symbols, such as $, count as signs, too.
    return character in "$+<=>^`|~" or unicodedata.category(character)[0] == "P"


def _is_chinese(code):
    blocks = ((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2CEAF), (0xF900, 0xFAFF))
    return any(low <= code <= high for low, high in (*blocks, (0x2F800, 0x2FA1F)))
