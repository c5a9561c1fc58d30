"""Words that prose avoids."""

import pytest

from house.words import problems


@pytest.mark.parametrize(
    "word", ["t" + "old", "T" + "ells", "_t" + "ell_all", "m" + "end", "M" + "ended", "w" + "hoever"]
)
def test_each_word_is_reported_with_its_place(word):
    """In text and in names, in any case."""
    (problem,) = problems([("a.py", f"first\nx = {word}(1)\n")])
    assert problem.startswith(f"a.py:2: {word.strip('_').replace('_all', '')!r}. ")


def test_other_words_pass():
    """Longer words, and the method of streams."""
    assert [] == problems([("a.py", "recommended intellect mender\nstream.t" + "ell()\ndef t" + "ell(self): ...\n")])
