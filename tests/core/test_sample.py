"""The bundled corpus is what data/README.md says it is."""

import re
import zlib

import helpers

TEXT = helpers.load_text("sample", max_chars=None)
ROWS = (helpers.DATA / "sample.txt").read_text(encoding="utf-8").splitlines()
PARAGRAPHS = [row for row in ROWS if row.strip() and not row.startswith(" = ")]


def test_holds_enough_printable_characters():
    assert len(TEXT) >= 62_000 and TEXT.isprintable()


def test_compresses_like_natural_text():
    assert 0.34 <= len(zlib.compress(TEXT.encode(), 9)) / len(TEXT) <= 0.44


def test_has_a_rich_vocabulary_of_words():
    assert len(set(TEXT.split())) >= 2_300


def test_has_wikitext_rows():
    titles = [row for row in ROWS if re.fullmatch(r" = [^=]+ = ", row)]
    sections = [row for row in ROWS if re.fullmatch(r" = = [^=]+ = = ", row)]
    blank = [row for row in ROWS if not row.strip()]
    assert len(titles) >= 12 and len(sections) >= 24
    assert len(titles) + len(sections) + len(blank) + len(PARAGRAPHS) == len(ROWS)


def test_paragraphs_have_400_to_1200_characters():
    assert all(400 <= len(row) <= 1_200 for row in PARAGRAPHS)


def test_no_sentence_stands_twice():
    sentences = [s for row in PARAGRAPHS for s in re.split(r"(?<=[.!?])\s+", row.strip())]
    assert len(sentences) > 400 and len(sentences) == len(set(sentences))
