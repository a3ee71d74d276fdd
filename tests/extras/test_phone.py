"""phone/: streaming, counting multiplications, int8, ONNX, the judging of text."""

import json
import sys

import numpy as np
import onnx
import pandas as pd
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import helpers
from lab.extras import phone
from lab.extras.phone import costs, int8, keystrokes, runtimes
from lab.ngram import NGram


@pytest.fixture
def models(namespace, sample):
    torch.manual_seed(0)
    classes = namespace["MODEL_CLASSES"].items()
    return {name: model_class(len(sample[1])).eval() for name, model_class in classes}


@pytest.fixture
def splits(sample):
    """A little of train_X, train_y, test_X, test_y."""
    text, _, char2idx, _ = sample
    train_X, train_y, _, _, test_X, test_y = helpers.prepare_sequences(text[:4_000], char2idx)
    return train_X, train_y, test_X, test_y


def test_a_stream_carries_the_state_and_leaves_the_models_mode_alone(models, splits):
    window = splits[2][:1]
    for model in models.values():
        stream = helpers.Typing(model.train())
        logits = [stream.feed(index) for index in window[0].tolist()][-1]
        assert model.training  # as it was left
        with torch.no_grad():
            expected, _ = model.eval()(window)
        assert logits == pytest.approx(expected[0].numpy(), abs=1e-5)


@pytest.mark.parametrize("order", [1, 2, 5])
def test_the_ngram_model_steps_like_a_network(order):
    ngram = NGram([0, 1, 2, 0, 3] * 20, vocab_size=5, order=order)
    step = keystrokes.NGramStep(ngram)
    (context,) = step.start()
    context = context.repeat(1, 2, 1)  # of two texts
    for read in ([[0], [3]], [[0, 1], [3, 4]], [[0, 1, 2], [3, 4, 1]]):
        last = torch.tensor([[text[-1]] for text in read])
        logs, context = step(last, context)
        assert context.shape == (1, 2, order - 1)
        for text, found in zip(read, logs, strict=True):
            seen = text[max(0, len(text) - (order - 1)) :]
            assert found.exp().numpy() == pytest.approx(ngram.probabilities(seen))


class Recorder:
    def __init__(self, name, log):
        self.name, self.log = name, log

    def feed(self, index):
        self.log.append((self.name, index))


def test_streams_take_turns_and_the_first_turn_is_not_counted():
    log = []
    times = helpers.keystroke_times(
        {name: Recorder(name, log) for name in "ab"}, [0, 1, 2, 3], turn=2
    )
    assert log == [(name, i) for turn in ([0, 1], [2, 3]) for name in "ab" for i in turn]
    assert list(times.columns) == ["a", "b"] and len(times) == 2


def test_one_thread_computes_and_the_number_is_put_back_even_after_an_error():
    class Failing:
        def feed(self, index):
            raise RuntimeError(f"on {torch.get_num_threads()} thread")

    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(RuntimeError, match="on 1 thread"):
            helpers.keystroke_times({"a": Failing()}, [0, 1])
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


@pytest.mark.filterwarnings("ignore:TF32")  # of which flags() below knows nothing
@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_multiplications_are_those_that_pytorch_counts(models, name):
    model, gates = models[name], {"RNN": 1, "LSTM": 4, "GRU": 3}[name]
    vocab_size = model.output.out_features
    # The fused kernel of the LSTM hides its products from the counter.
    with torch.backends.mkldnn.flags(enabled=False), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 1, dtype=torch.long), model.init_hidden(1))
    by_hand = gates * 256 * (128 + 256) + gates * 256 * (256 + 256) + 256 * vocab_size
    assert costs.macs_per_keystroke(model) == counter.get_total_flops() / 2 == by_hand


def test_int8_is_at_most_half_a_step_off_in_every_row():
    weight = torch.randn(5, 7) * torch.tensor([1e-3, 1.0, 50.0, 0.0, 1.0])[:, None]
    rounded, scale = int8.int8_rows(weight)
    assert rounded.dtype == torch.int8 and scale.shape == (5, 1)
    assert ((rounded * scale - weight).abs() <= scale / 2 + 1e-9).all()
    assert (rounded.abs().amax(dim=1) == torch.tensor([127, 127, 127, 0, 127])).all()


def test_int8_leaves_biases_and_the_original_alone(models):
    for model in models.values():
        before = {name: p.clone() for name, p in model.named_parameters()}
        for name, p in int8.int8_copy(model).named_parameters():
            assert (p == before[name]).all() == (p.dim() == 1), name
        assert all((p == before[name]).all() for name, p in model.named_parameters())


def test_the_weights_take_a_quarter_of_the_bytes(models):
    for model in models.values():
        fp32, packed = int8.weight_bytes(model)
        assert fp32 == 4 * helpers.count_parameters(model)
        assert 0.25 < packed / fp32 < 0.27


def test_exported_steps_agree_with_pytorch_and_hold_the_vocabulary(
    models, splits, sample, tmp_path, capfd
):
    _, _, test_X, _ = splits
    table = phone.compare_runtimes(models, test_X, sample[1], tmp_path / "new" / "folder")
    printed = capfd.readouterr()
    assert "GRU-fp32.onnx, GRU-int8.onnx, LSTM-fp32.onnx" in printed.out and not printed.err
    assert list(table.index) == ["RNN", "LSTM", "GRU"] and not table.isna().any(axis=None)
    for kind in ("fp32", "int8"):
        assert (table[f"Logits Differ, {kind}"] < 1e-4).all()
    texts = helpers.show_table(table, phone.FORMATS).loc["Logits Differ, int8"]
    assert all("e-" in text and "." not in text for text in texts)
    assert (table["File, int8 (MB)"] <= 0.3 * table["File, fp32 (MB)"]).all()
    for path in (tmp_path / "new" / "folder").iterdir():
        proto = onnx.load(path)
        onnx.checker.check_model(proto, full_check=True)
        assert json.loads(proto.metadata_props[0].value) == sample[1]


def test_a_difference_between_streams_is_found(models):
    first, second = helpers.Typing(models["RNN"]), helpers.Typing(int8.int8_copy(models["RNN"]))
    assert runtimes.farthest_apart(first, second, range(20)) > 1e-4


def test_what_to_install_is_said_in_one_line(models, splits, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert phone.compare_runtimes(models, splits[2], []) is None
    assert capsys.readouterr().out.splitlines() == [
        "ONNX is optional. To run this part, install it: "
        "pip install -r lab/extras/phone/requirements.txt"
    ]
    phone.show_runtimes(None)
    assert capsys.readouterr().out == ""


def test_a_package_that_does_not_load_is_named_in_one_line(
    models, splits, tmp_path, monkeypatch, capsys
):
    (tmp_path / "onnxruntime.py").write_text("raise ImportError('libgomp.so.1: no such\\nfile')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "onnxruntime", raising=False)
    assert phone.compare_runtimes(models, splits[2], []) is None
    (line,) = capsys.readouterr().out.splitlines()
    assert "onnxruntime is installed but does not load (libgomp.so.1: no such)" in line
    assert line.endswith("pip install --force-reinstall -r lab/extras/phone/requirements.txt")


def test_a_folder_that_cannot_be_written_is_named_in_one_line(
    models, splits, sample, tmp_path, capsys
):
    folder = tmp_path / "exported"
    folder.write_text("a file, not a folder")
    assert phone.compare_runtimes(models, splits[2], sample[1], folder) is None
    (line,) = capsys.readouterr().out.splitlines()
    assert f"{folder} cannot be written (" in line and "remove" in line and "make room" in line


def test_the_table_has_a_row_for_each_network_and_the_ngram_model(models, splits, sample):
    ngram_model = NGram([*splits[0][0].tolist(), *splits[1].tolist()], len(sample[1]), order=5)
    table = phone.phone_table(models, ngram_model, *splits[2:], sample[1])
    assert list(table.index) == ["RNN", "LSTM", "GRU", "n-gram model"]
    assert (table["Keystroke (ms)"] <= table["p95 (ms)"]).all()
    assert (table["p95 (ms)"] <= table["p99 (ms)"]).all()
    assert (table["Top-1 (%)"] <= table["Top-3 (%)"]).all()
    assert (table["Savings, from (%)"] <= table["Keystroke Savings (%)"]).all()
    assert (table["Keystroke Savings (%)"] <= table["Savings, to (%)"]).all()
    assert list(table["State (bytes)"]) == [2048, 4096, 2048, 4]
    shown = helpers.show_table(table, phone.FORMATS)
    assert list(shown.columns) == list(table.index) and shown.at["State (bytes)", "RNN"] == "2,048"
    assert all(len(text.partition(".")[2]) == 1 for text in shown.loc["Keystroke Savings (%)"])
    perplexity = ngram_model.perplexity(*splits[2:])
    assert table.loc["n-gram model", "Perplexity Typing"] == pytest.approx(perplexity, rel=1e-4)


def test_a_prediction_while_typing_is_that_of_a_stream(models, splits):
    X, y = splits[2][:30], splits[3][:30]
    text = [*X[0].tolist(), *y.tolist()]
    for model in models.values():
        stream = helpers.Typing(model)
        logits = torch.tensor(np.array([stream.feed(index) for index in text[:-1]]))
        expected = logits[X.shape[1] - 1 :].log_softmax(dim=1)
        predicted = keystrokes.predict_while_typing(model, X, y)
        assert predicted.shape == expected.shape and torch.allclose(predicted, expected, atol=1e-4)
        of_first_window, _ = model(X[:1])
        assert torch.allclose(predicted[:1], of_first_window.log_softmax(dim=1), atol=1e-4)


def test_accuracy_counts_the_right_character_among_the_first():
    y = torch.tensor([0, 2, 3] * 100)  # counted was 0 1 2 3: of these, 2 after 0 is a surprise
    X = torch.cat([torch.tensor([0, 1, 2, 3]), y[:-1]]).unfold(0, 4, 1)
    table = phone.phone_table({}, NGram([0, 1, 2, 3] * 10, 4, order=3), X, y, "abc ")
    assert table.loc["n-gram model", "Top-1 (%)"] == pytest.approx(200 / 3)
    assert table.loc["n-gram model", "Top-3 (%)"] >= table.loc["n-gram model", "Top-1 (%)"]


def test_int8_changes_the_perplexity_by_less_than_a_per_cent(models, splits):
    quality = costs._quality_of(models["LSTM"], splits[2][:200], splits[3][:200])
    typed, rounded = quality["Perplexity Typing"], quality["Perplexity, int8"]
    assert rounded != typed and rounded == pytest.approx(typed, rel=0.01)


@pytest.mark.parametrize(("lstm", "says"), [(0.02, "different orders"), (0.09, "the same order")])
def test_runtimes_are_said_to_give_one_order_or_two(lstm, says, capsys):
    eager = {"RNN": 0.1, "LSTM": 0.4, "GRU": 0.2}
    exported = {"RNN": 0.01, "LSTM": lstm, "GRU": 0.03}
    measured = {"Eager PyTorch (ms)": eager, "ONNX Runtime, fp32 (ms)": exported}
    phone.show_runtimes(pd.DataFrame(measured).rename_axis("Model"))
    printed = capsys.readouterr().out
    assert f"give {says} of the models" in printed
    ranked = "RNN has the lowest inference time, 0.100 ms. GRU needs 2.0 times as long. LSTM needs"
    assert f"Eager PyTorch: {ranked}" in printed


def test_a_short_text_is_typed_more_than_once(splits):
    for test_X in (splits[2], splits[2][:3]):
        assert len(helpers.keystrokes_of(test_X)) == 1_100
