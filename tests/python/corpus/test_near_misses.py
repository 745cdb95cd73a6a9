"""Texts that sound nearly like a phrase, and never like it."""

import shutil

import pytest

from kws.corpus import near_misses
from kws.corpus.near_misses import near_misses as near


def test_parts_and_exchanged_sounds_are_near():
    texts = near("Hey Robin")
    assert {"hey", "robin", "hey rob", "hey tobin", "bey robin", "hey robeen"} <= set(texts)
    assert 20 < len(texts) < 100 and texts == sorted(set(texts))


@pytest.mark.parametrize("phrase", ["hey robin", "computer", "alexa", "ok", "o"])
def test_the_phrase_itself_is_never_among_them(phrase):
    assert phrase not in near(phrase)
    assert all(text.strip() for text in near(phrase))


def test_what_is_only_spelt_in_another_way_is_the_phrase():
    assert "komputer" not in near("computer")
    if shutil.which("espeak-ng"):  # `knight` and `night` it can tell
        assert "knite" not in near_misses._unlike("night", ["knite", "bight"])
        assert near_misses._unlike("night", ["knite", "bight"]) == ["bight"]


def test_without_espeak_the_letters_decide(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert near_misses._unlike("computer", ["komputer", "bomputer"]) == ["bomputer"]
