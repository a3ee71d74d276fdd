"""Text in any script and of any shape: it works, or one sentence says why not.

The properties are tried on made-up texts by hypothesis, the rest on named ones.
"""

import math
import os
import re
import tracemalloc

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn, optim

import helpers
from lab.ngram import NGram

# --- properties ------------------------------------------------------------------------------

ANY_TEXT = st.text(st.characters(), min_size=1, max_size=300)  # lone surrogates among them


@given(ANY_TEXT)
def test_a_text_comes_back_from_its_indices(text):
    chars, char2idx, idx2char = helpers.build_vocabulary(text)
    assert chars == sorted(set(text)) and list(char2idx) == chars == list(idx2char.values())
    indices = helpers.encode(text, char2idx)
    assert indices.dtype == torch.int64 and indices.shape == (len(text),)
    assert "".join(idx2char[index] for index in indices.tolist()) == text


@st.composite
def prepared(draw):
    """Return (text length, seq_len, train_ratio, splits) of a text whose characters all differ."""
    seq_len = draw(st.integers(1, 30))
    length = draw(st.integers(8 * seq_len, 8 * seq_len + 400))
    text = "".join(map(chr, range(1_000, 1_000 + length)))
    _, char2idx, _ = helpers.build_vocabulary(text)  # so that an index is a place in the text
    train = draw(st.floats(0.3, 0.7))
    return length, seq_len, train, helpers.prepare_sequences(text, char2idx, seq_len, train, 0.15)


def dense_targets(X, y):
    """Return what train_epoch predicts: for each window the character after each of its own."""
    return torch.cat([X[:, 1:], y[:, None]], dim=1)


@given(prepared())
def test_every_window_holds_seq_len_characters_and_y_the_next(case):
    length, seq_len, train, splits = case
    assert torch.cat(splits[1::2]).tolist() == list(range(seq_len, length))
    windows = length - seq_len
    assert [len(y) for y in splits[1:4:2]] == [int(windows * train), int(windows * 0.15)]
    for X, y in zip(splits[0::2], splits[1::2], strict=True):
        assert X.shape == (len(y), seq_len)
        assert torch.equal(X, X[:, :1] + torch.arange(seq_len)) and torch.equal(y, X[:, -1] + 1)


@given(prepared())
def test_no_training_window_holds_a_validation_or_test_target(case):
    _, seq_len, _, (train_X, train_y, val_X, val_y, _, test_y) = case
    trained = {*train_X.flatten().tolist(), *dense_targets(train_X, train_y).flatten().tolist()}
    assert trained.isdisjoint(val_y.tolist()) and trained.isdisjoint(test_y.tolist())
    # The windows that validation takes, and what they are scored on.
    scored = dense_targets(val_X[seq_len - 1 :: seq_len], val_y[seq_len - 1 :: seq_len])
    assert trained.isdisjoint(scored.flatten().tolist())
    assert set(val_y.tolist()).isdisjoint(test_y.tolist())


@given(prepared(), st.integers(0, 2**31))
def test_a_pass_uses_every_training_target_once(case, seed):
    _, seq_len, _, (train_X, train_y, *_) = case
    X, y = helpers.one_pass(train_X, train_y, seed)
    targets = dense_targets(X, y).flatten().tolist()
    assert len(targets) == len(set(targets))
    # All but fewer than a window's before the random offset and at the end.
    everything = set(dense_targets(train_X, train_y).flatten().tolist())
    left = sorted(everything - set(targets))
    assert set(targets) <= everything
    assert sum(index < min(targets) for index in left) < seq_len
    assert sum(index > min(targets) for index in left) < seq_len
    again = helpers.one_pass(train_X, train_y, seed)
    assert torch.equal(X, again[0]) and torch.equal(y, again[1])


@settings(max_examples=50)
@given(text=ANY_TEXT)
def test_a_file_is_read_as_its_printable_characters_or_refused(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("text") / "any.txt"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        loaded = helpers.load_text(path)
    except ValueError as error:
        surrogates = any("\ud800" <= character <= "\udfff" for character in text)
        empty = not helpers.INVISIBLE.sub("", text).strip()
        assert surrogates or empty, error
        assert ("not UTF-8" if surrogates else "no visible text") in str(error)
    else:
        assert loaded.split() == helpers.INVISIBLE.sub("", re.sub(r"\s", " ", text)).split()


# --- named texts -----------------------------------------------------------------------------

TEXTS = {
    "Chinese": "\u6625\u7720\u4e0d\u89ba\u66c9\uff0c\u8655\u8655\u805e\u557c\u9ce5\u3002" * 30,
    "Arabic": "\u0643\u0627\u0646 \u064a\u0627 \u0645\u0627 \u0643\u0627\u0646 \u060c " * 30,
    "emoji": "a \U0001f600 b \U0001f469\u200d\U0001f680 c \U0001f1e9\U0001f1ea " * 30,
    "combining marks": "e\u0301 a\u0308 n\u0303 \u0939\u093f\u0928\u094d\u0926\u0940 " * 30,
    "CRLF": "one line\r\nand another\r\n" * 30,
    "old Mac line ends": "one line\rand another\r" * 30,
    "a BOM": "\ufeff" + "the text begins after it " * 20,
    "NUL bytes": "nul\x00 bytes\x00 between " * 30,
    "one character repeated": "a" * 500,
    "two characters": "ab" * 250,
    "one very long line": "no line ends here, " * 200,
    "empty lines": "\n\n\nwords\n\n\n" * 80,
    "5,000 different characters": "".join(map(chr, range(0x4E00, 0x4E00 + 5_000))) * 2,
    "characters beyond the basic plane": "".join(map(chr, range(0x20000, 0x20100))) * 3,
    "right-to-left marks": "abc\u200f \u202edef\u202c ghi " * 40,
}


@pytest.mark.parametrize("name", TEXTS)
def test_the_exercise_works_on(name, tmp_path, namespace):
    path = tmp_path / "text.txt"
    path.write_bytes(TEXTS[name].encode())
    text = helpers.load_text(path)
    chars, char2idx, idx2char = helpers.build_vocabulary(text)
    assert not helpers.INVISIBLE.search(text) and len(text) > 100
    train_X, train_y, val_X, val_y, test_X, test_y = helpers.prepare_sequences(
        text, char2idx, seq_len=20
    )
    for model_class in namespace["MODEL_CLASSES"].values():
        model = model_class(len(chars), embedding_dim=8, hidden_dim=8)
        X, y = helpers.one_pass(train_X, train_y, seed=0)
        optimizer, criterion = optim.Adam(model.parameters()), nn.CrossEntropyLoss()
        loss, _ = helpers.train_epoch(model, X, y, optimizer, criterion)
        assert math.isfinite(loss)
        assert helpers.calculate_perplexity(model, val_X, val_y) >= 1
        sampled = helpers.generate_text(model, text[:3], char2idx, idx2char, length=20)
        assert len(sampled) == 23 and set(sampled) <= set(text)
    counted = NGram.of_windows(train_X, train_y, val_X, val_y, len(chars))
    assert counted.perplexity(test_X, test_y) >= 1


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("\ud83d alone ".encode("utf-8", "surrogatepass") * 50, "not UTF-8"),
        ("UTF-16 text ".encode("utf-16") * 50, "not UTF-8"),
        ("caf\u00e9 ".encode("latin-1") * 50, r"text.txt is not UTF-8 text \(byte 0xe9"),
        (bytes(range(256)) * 20, "not UTF-8"),
        (b"\x00\x01\x02\n" * 50, "no visible text"),
        (b"", "no visible text"),
        (b"\n\n", "no visible text"),
    ],
    ids=[
        "lone surrogates",
        "UTF-16",
        "Latin-1",
        "a binary file",
        "control characters",
        "nothing",
        "empty lines",
    ],
)
def test_one_sentence_refuses(content, complaint, tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=complaint) as error:
        helpers.load_text(path)
    assert "'sample'" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("corpus", "complaint"),
    [
        (None, "unknown corpus None: expected 'sample'"),
        (b"sample", "unknown corpus b'sample': expected 'sample'"),
        (3, "unknown corpus 3"),
        ([], r"unknown corpus \[\]"),
        ("", "unknown corpus ''"),
        ("wikitext", "unknown corpus 'wikitext'"),
        ("the text itself, " * 20, "unknown corpus 'the text itself, "),
        ("the text itself. " * 20, "no file 'the text itself. "),
        ("~nobody-of-this-name/text.txt", "no file '~nobody-of-this-name"),
        ("no/such.txt", "no file 'no/such.txt'.*looked in"),
        (os.devnull, "not a regular file|no file"),
        (".", "is a folder"),
    ],
)
def test_what_is_no_corpus_is_named(corpus, complaint):
    with pytest.raises((ValueError, OSError), match=complaint) as error:
        helpers.load_text(corpus)
    assert "\n" not in str(error.value)


def test_a_text_too_short_for_a_window_is_refused(tmp_path):
    path = tmp_path / "short.txt"
    path.write_text("short")
    text = helpers.load_text(path)
    with pytest.raises(ValueError, match=r"the text has 5 characters.*at least 550"):
        helpers.prepare_sequences(text, helpers.build_vocabulary(text)[1])


def test_a_file_of_50_mb_is_read_in_full_and_in_part(tmp_path):
    path = tmp_path / "large.txt"
    path.write_text("a line of fifty characters, counting its line end\n" * 1_000_000)
    assert len(helpers.load_text(path)) == 60_000
    text = helpers.load_text(path, max_chars=None)
    assert len(text) == 50_000_000 - 1
    train_X, *_ = helpers.prepare_sequences(text, helpers.build_vocabulary(text)[1])
    assert len(train_X) == int((len(text) - 50) * 0.8)


@pytest.mark.parametrize("end", ["\n", " "], ids=["many lines", "one line"])
def test_of_a_long_text_no_more_is_read_than_is_needed(end, tmp_path):
    path = tmp_path / "large.txt"
    path.write_text(f"some words of a long text{end}" * 1_000_000)
    tracemalloc.start()
    text = helpers.load_text(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(text) == 60_000 and peak < path.stat().st_size / 4


def test_joiners_are_spelling_and_stay(tmp_path, capsys):
    path = tmp_path / "persian.txt"
    path.write_text("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 " * 100, encoding="utf-8")
    assert helpers.load_text(path).count("\u200c") == 100
    assert "left out" not in capsys.readouterr().out


def test_the_learning_rates_are_those_of_the_sample(tmp_path, capsys):
    helpers.load_text("sample")
    assert not capsys.readouterr().out
    path = tmp_path / "own.txt"
    path.write_text("a text of my own", encoding="utf-8")
    helpers.load_text(path)
    assert "other learning rates may be better" in capsys.readouterr().out


def test_a_prompt_that_the_text_cannot_write_is_replaced_by_the_test_text(capsys):
    chars = sorted("abcd T")
    test_X = torch.tensor([[chars.index(c) for c in "abba dab and so on"[:8]]])
    assert helpers.usable_prompt("a bad cab", chars, test_X) == "a bad cab"
    assert capsys.readouterr().out == ""
    assert helpers.usable_prompt("The", chars, test_X) == "abb"
    printed = capsys.readouterr().out
    assert "does not have 'e' 'h', so no model can write 'The'" in printed and "'abb'" in printed


def test_only_the_beginning_of_a_long_text_is_used_and_that_is_said(tmp_path, capsys):
    path = tmp_path / "long.txt"
    path.write_text("abc " * 100, encoding="utf-8")
    assert len(helpers.load_text(path, 50)) == 50
    assert "Only the first 50 characters of" in capsys.readouterr().out


def test_the_sample_under_its_path_is_the_sample(capsys):
    helpers.load_text(helpers.DATA / "sample.txt")
    assert "learning rates" not in capsys.readouterr().out


def test_an_address_is_to_be_downloaded_first():
    with pytest.raises(FileNotFoundError, match=r"'https://example.com/a.txt'.*first download"):
        helpers.load_text("https://example.com/a.txt")


def test_models_of_another_text_are_told_so(namespace, sample):
    chars, char2idx = "ab", {"a": 0, "b": 1}
    model = namespace["CharGRU"](73).eval()
    with pytest.raises(ValueError, match="predicts 73 characters, but the text has 2"):
        helpers.generate_text(model, "ab", char2idx, dict(enumerate(chars)))
    with pytest.raises(ValueError, match="If the text has changed, train again"):
        helpers.call_model(model, torch.tensor([[80]]))
