"""helpers.py: contracts, bad input, and the faults that the original exercise had."""

import itertools
import math
import sys

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import helpers
from tests.running import run_notebook

# --- text ------------------------------------------------------------------------------------


def test_max_chars_cuts_and_none_takes_all():
    lengths = [len(helpers.load_text(max_chars=most)) for most in (100, 60_000, None)]
    assert lengths[:2] == [100, len(helpers.load_text())] and lengths[2] > 62_000


def test_a_file_is_read_row_by_row(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes("\ufeffone\r\ntwo\tthree\n\nvier \u4e94\n".encode())
    assert helpers.load_text(path) == "one two three  vier \u4e94"
    assert helpers.load_text(str(path), max_chars=5) == "one t"


WHITE_SPACE = [code for code in range(sys.maxunicode) if chr(code).isspace()]


@pytest.mark.parametrize("code", WHITE_SPACE, ids="U+{:04X}".format)
def test_white_space_of_any_kind_becomes_one_space(code, tmp_path, capsys):
    path = tmp_path / "text.txt"
    path.write_bytes(f"Mme{chr(code)}Durand, no{chr(code)} {chr(code)}{chr(code)}end".encode())
    assert helpers.load_text(path) == "Mme Durand, no    end"
    assert "left out" not in capsys.readouterr().out


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\u2029"])
def test_a_line_end_of_any_kind_ends_a_row(end, tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(f"one{end}two{end}".encode())
    assert helpers.load_text(path) == "one two"


def test_what_cannot_be_printed_is_left_out_and_counted(tmp_path, capsys):
    path = tmp_path / "text.txt"
    path.write_bytes("zero\u200bwidth\x00 and \x1b[1mbold\n\x07bell".encode())
    assert helpers.load_text(path) == "zerowidth and bold bell"
    assert "7 invisible characters" in capsys.readouterr().out


def test_windows_share_the_memory_of_the_encoded_text(sample):
    train_X, train_y, *_ = helpers.prepare_sequences(sample[0], sample[2])
    assert train_X.untyped_storage().data_ptr() == train_y.untyped_storage().data_ptr()
    assert train_X.untyped_storage().nbytes() <= 12 * len(sample[0])


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        ({"text": "ab" * 29}, "58 characters.*at least 550"),
        ({"train_ratio": 0.9, "val_ratio": 0.1}, "train_ratio=0.9 and val_ratio=0.1"),
        ({"train_ratio": -1}, "train_ratio=-1"),
        ({"train_ratio": 0.98, "val_ratio": 0.0001}, "need at least 500,050"),
        ({"seq_len": 0}, "seq_len=0"),
        ({"text": "ab" * 500 + "?"}, r"character '\?' at position 1000"),
    ],
)
def test_what_cannot_be_cut_into_windows_is_named(arguments, complaint):
    arguments = {"text": "ab" * 500, "char2idx": {"a": 0, "b": 1}} | arguments
    with pytest.raises(ValueError, match=complaint):
        helpers.prepare_sequences(**arguments)


def test_the_order_of_a_pass_is_set_by_its_seed():
    X, y = torch.arange(2_000).unfold(0, 50, 1)[:-1], torch.arange(50, 2_000)
    one, other = helpers.one_pass(X, y, 3)[0], helpers.one_pass(X, y, 4)[0]
    assert (one[1:, 0] < one[:-1, 0]).any() and not torch.equal(one[:5], other[:5])


# --- training --------------------------------------------------------------------------------


def test_training_lowers_the_loss_and_uses_the_last_partial_batch(tiny):
    model, splits, *_ = tiny
    X, y = splits[0][:33], splits[1][:33]
    seen = []
    hook = model.register_forward_hook(lambda m, args, out: seen.append(len(args[0])))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = [
        helpers.train_epoch(model, X, y, optimizer, nn.CrossEntropyLoss())[0] for _ in range(20)
    ]
    hook.remove()
    assert seen[:5] == [32, 32, 1, 32, 1]  # the first call is the untimed warm-up
    assert losses[-1] < 0.8 * losses[0]


def test_warm_up_changes_neither_weights_nor_random_numbers(tiny):
    model, splits, *_ = tiny
    state = {k: v.clone() for k, v in model.state_dict().items()}
    results = []
    for warm in (False, True):
        model.load_state_dict(state)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        if not warm:  # a state that is not empty skips the warm-up
            optimizer.state["x"] = {}
        torch.manual_seed(1)
        loss, _ = helpers.train_epoch(
            model, splits[0][:64], splits[1][:64], optimizer, nn.CrossEntropyLoss()
        )
        results.append((loss, torch.rand(1).item()))
    assert results[0] == pytest.approx(results[1], abs=1e-6)


def test_evaluation_is_the_mean_over_all_windows_whatever_the_batch_size(tiny):
    model, splits, *_ = tiny
    X, y = splits[0][:77], splits[1][:77]
    criterion = nn.CrossEntropyLoss()
    with torch.no_grad():
        last = criterion(model.eval()(X)[0], y).item()
        every = criterion(
            model(X, return_sequences=True)[0].flatten(0, 1),
            torch.cat([X[:, 1:], y[:, None]], dim=1).flatten(),
        ).item()
    for size in (10, 77, 500):
        assert helpers.evaluate_model(model, X, y, criterion, size) == pytest.approx(last, rel=1e-5)
        assert helpers.evaluate_model(
            model, X, y, criterion, size, every_step=True
        ) == pytest.approx(every, rel=1e-5)


def test_perplexity_of_a_model_that_knows_nothing_is_the_vocabulary_size(tiny):
    model, splits, char2idx, _ = tiny
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    assert helpers.calculate_perplexity(model, *splits[4:]) == pytest.approx(len(char2idx))


@pytest.mark.parametrize(
    "change, complaint",
    [
        (lambda logits, hidden: logits, "expected a pair"),
        (lambda logits, hidden: (logits[:, :, None], hidden), r"expected \(32, vocab_size\)"),
        (lambda logits, hidden: (logits[:, :3], hidden), "scores 3 characters"),
    ],
)
def test_wrong_shapes_from_a_model_are_named(tiny, change, complaint):
    model, splits, *_ = tiny
    model.register_forward_hook(lambda m, args, out: change(*out))
    with pytest.raises(ValueError, match=complaint):
        helpers.evaluate_model(model, splits[4][:32], splits[5][:32], nn.CrossEntropyLoss())


def test_best_weights_come_back(tiny):
    model, *_ = tiny
    best = helpers.BestWeights(model)
    for loss, value in [(2.0, 1.0), (1.0, 2.0), (math.nan, 3.0), (1.5, 4.0)]:
        with torch.no_grad():
            model.output.bias.fill_(value)
        best.update(loss)
    assert best.restore() == 2
    assert model.output.bias.eq(2.0).all()


@pytest.mark.parametrize("loss", [math.nan, 5.7e30])
def test_when_all_epochs_diverge_the_weights_of_the_start_come_back(tiny, loss):
    model, *_ = tiny
    start = model.output.bias.clone()
    best = helpers.BestWeights(model)
    with torch.no_grad():
        model.output.bias.fill_(math.nan)
    best.update(loss)
    assert best.restore() == 0 and torch.equal(model.output.bias, start)


# --- arguments in the wrong place ------------------------------------------------------------


LOSS = nn.CrossEntropyLoss()


def adam(model):
    return torch.optim.Adam(model.parameters())


@pytest.mark.parametrize(
    ("said", "call"),
    [
        ("the class CharGRU", lambda m, X, y: helpers.count_parameters(type(m))),
        ("got a dict", lambda m, X, y: helpers.count_parameters({"GRU": m})),
        ("the class CharGRU", lambda m, X, y: helpers.train_epoch(type(m), X, y, adam(m), LOSS)),
        ("shape", lambda m, X, y: helpers.train_epoch(m, y, X, adam(m), LOSS)),
        ("got an Adam", lambda m, X, y: helpers.train_epoch(m, adam(m), X, y, LOSS)),
        ("no windows", lambda m, X, y: helpers.train_epoch(m, X[:0], y[:0], adam(m), None)),
        (
            "criterion is the class CrossEntropyLoss",
            lambda m, X, y: helpers.train_epoch(m, X, y, adam(m), nn.CrossEntropyLoss),
        ),
        (
            "optimizer is the class Adam",
            lambda m, X, y: helpers.train_epoch(m, X, y, torch.optim.Adam, LOSS),
        ),
        ("targets", lambda m, X, y: helpers.evaluate_model(m, X, y[1:], LOSS)),
        ("the class CharGRU", lambda m, X, y: helpers.evaluate_model(type(m), X, y, LOSS)),
        ("no windows", lambda m, X, y: helpers.evaluate_model(m, X[:0], y[:0], LOSS)),
        (
            "Linear has no init_hidden",
            lambda m, X, y: helpers.evaluate_model(nn.Linear(2, 2), X, y, LOSS),
        ),
        ("got the class CharGRU", lambda m, X, y: helpers.BestWeights(type(m))),
        ("got 'GRU'", lambda m, X, y: helpers.generate_text("GRU", "the", {}, {})),
        ("models is a tensor", lambda m, X, y: helpers.create_performance_table({}, X, {}, y)),
        ("metrics is a tensor", lambda m, X, y: helpers.create_performance_table(X, y, {}, {})),
        ("got an empty dict", lambda m, X, y: helpers.create_performance_table({}, {}, {}, y)),
        ("GRU", lambda m, X, y: helpers.create_performance_table({"RNN": {}}, {"GRU": m}, X, y)),
        ("empty", lambda m, X, y: helpers.build_vocabulary("")),
        ("max_chars=0", lambda m, X, y: helpers.load_text(max_chars=0)),
        ("max_chars=-1", lambda m, X, y: helpers.load_text(max_chars=-1)),
        ("max_chars=2.5", lambda m, X, y: helpers.load_text(max_chars=2.5)),
        ("max_chars='all'", lambda m, X, y: helpers.load_text(max_chars="all")),
    ],
)
def test_arguments_in_the_wrong_place_are_named_in_one_line(said, call, tiny):
    model, (X, y, *_), *_ = tiny
    with pytest.raises((TypeError, ValueError)) as raised:
        call(model, X, y)
    assert said in str(raised.value) and "\n" not in str(raised.value)
    assert len(str(raised.value)) < 200


def test_a_long_epoch_says_soon_how_long_it_takes(tiny, capsys, monkeypatch):
    model, (X, y, *_), *_ = tiny
    ticks = itertools.count()
    monkeypatch.setattr(helpers.time, "perf_counter", lambda: next(ticks) * 40.0)
    optimizer = torch.optim.Adam(model.parameters())
    helpers.train_epoch(model, X[:60], y[:60], optimizer, nn.CrossEntropyLoss(), batch_size=2)
    assert capsys.readouterr().out.startswith("This epoch has 30 batches. It will take about ")
    monkeypatch.undo()
    helpers.train_epoch(model, X[:60], y[:60], optimizer, nn.CrossEntropyLoss(), batch_size=2)
    assert capsys.readouterr().out == ""


# --- what ends a training early --------------------------------------------------------------


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e30, 50.5])
def test_a_loss_that_has_diverged_ends_the_epoch_and_is_infinite(tiny, value):
    model, (X, y, *_), *_ = tiny
    before, calls = model.output.bias.clone(), []

    def criterion(logits, targets):
        calls.append(1)
        return logits.sum() * 0 + value

    optimizer = torch.optim.Adam(model.parameters())
    loss, seconds = helpers.train_epoch(model, X, y, optimizer, criterion)
    assert loss == math.inf and seconds > 0 and torch.equal(model.output.bias, before)
    assert len(calls) == 2  # the untimed batch and the first


def test_guessing_is_no_divergence_in_any_alphabet():
    assert not helpers.diverged(math.log(sys.maxunicode + 1))
    assert not helpers.diverged(-1.0) and helpers.diverged(10 * math.log(200))


def test_what_ended_early_stands_in_table_and_plot(tiny, metrics):
    model, splits, *_ = tiny
    metrics["RNN"] |= {"train_losses": [], "val_losses": [], "epoch_times": [], "best_epoch": 0}
    metrics["LSTM"] |= {"train_losses": [2.0, math.inf], "val_losses": [2.1, 5.7e30]}
    table = helpers.create_performance_table(
        metrics, {name: model for name in metrics}, *splits[4:]
    ).set_index("Model")
    assert math.isnan(table.loc["RNN", "Final Train Loss"])
    assert table.loc["LSTM", "Final Train Loss"] == math.inf
    shown = helpers.show_table(table.reset_index())
    assert list(shown["LSTM"][["Final Train Loss", "Final Val Loss"]]) == ["inf", "5.7e+30"]
    figure = helpers.plot_learning_curves(metrics)
    figure.canvas.draw()
    assert max(len(axes.patches) for axes in figure.axes) == 3
    assert all(axes.get_ylim()[1] < 5 for axes in figure.axes)  # room for the others


# --- evaluation ------------------------------------------------------------------------------


def test_generated_text_starts_with_the_prompt_and_repeats_with_its_seed(tiny):
    model, _, char2idx, idx2char = tiny
    texts = [
        helpers.generate_text(model, "the ", char2idx, idx2char, 30, 1.0, s) for s in (1, 1, 2)
    ]
    assert texts[0].startswith("the ") and len(texts[0]) == 34
    assert texts[0] == texts[1] != texts[2]


def test_texts_draw_with_seeds_of_their_own(tiny):
    model, _, char2idx, idx2char = tiny
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()  # all characters are equally likely
    texts = [helpers.generate_text(model, "t", char2idx, idx2char, 30, t) for t in (0.5, 0.5, 1.0)]
    assert texts[0] == texts[1] != texts[2]


def test_long_texts_are_shown_in_lines_that_break_between_words(capsys):
    words = [f"word{number}" for number in range(60)]
    helpers.show_samples({"RNN": {0.5: " ".join(words)}})
    title, *lines = capsys.readouterr().out.splitlines()
    assert title == "RNN at temperature 0.5:" and max(map(len, lines)) <= 90
    assert " ".join(lines).split() == words


def test_low_temperature_follows_the_model(tiny):
    model, _, char2idx, idx2char = tiny
    with torch.no_grad():
        model.output.bias[char2idx["q"]] = 3.0
    assert helpers.generate_text(model, "t", char2idx, idx2char, 9, 0.01) == "t" + "q" * 9


@pytest.mark.parametrize(
    "prompt, temperature, complaint",
    [("", 1.0, "empty"), ("th\u00e9", 1.0, "'\u00e9' at position 2"), ("the", 0, "temperature=0")],
)
def test_a_prompt_that_cannot_be_continued_is_named(tiny, prompt, temperature, complaint):
    model, _, char2idx, idx2char = tiny
    with pytest.raises(ValueError, match=complaint):
        helpers.generate_text(model, prompt, char2idx, idx2char, 5, temperature)


def test_inference_speed_is_a_median_in_milliseconds(tiny, monkeypatch):
    model, splits, *_ = tiny
    ticks = iter([t for i in range(110) for t in (i, i + (5.0 if i % 10 == 0 else 0.002))])
    monkeypatch.setattr(helpers.time, "perf_counter", lambda: next(ticks))
    assert helpers.measure_inference_speed(model, splits[4][:1]) == pytest.approx(2.0)


def test_table_holds_numbers_for_the_whole_test_split(tiny, metrics):
    model, splits, *_ = tiny
    models = dict.fromkeys(("RNN", "LSTM", "GRU"), model)
    table = helpers.create_performance_table(metrics, models, *splits[4:])
    assert list(table["Model"]) == ["RNN", "LSTM", "GRU"]
    assert all(pd.api.types.is_numeric_dtype(table[c]) for c in table.columns[1:])
    perplexity = helpers.calculate_perplexity(model, *splits[4:])
    assert table["Test Perplexity"].tolist() == pytest.approx([perplexity] * 3)
    assert np.allclose(2 ** table["Bits per Character"], table["Test Perplexity"])
    assert table["Best Epoch"].tolist() == [2, 2, 2]


# --- reports and plots -----------------------------------------------------------------------


def test_learning_curves_have_labelled_panels_one_of_them_by_time(metrics):
    figure = helpers.plot_learning_curves(metrics)
    panels = {axes.get_title(): axes for axes in figure.axes}
    assert len(panels) == 5
    assert all(a.get_xlabel() and a.get_ylabel() and a.get_title() for a in figure.axes)
    assert sorted(len(a.lines) for a in figure.axes) == [0, 3, 3, 3, 3]
    (line, *_) = panels["Validation loss by time"].lines
    assert line.get_xdata().tolist() == np.cumsum(metrics["RNN"]["epoch_times"]).tolist()


def test_the_question_per_second_is_answered_in_the_first_row(metrics):
    figure = helpers.plot_learning_curves(metrics)
    places = {axes.get_title(): axes.get_position().y0 for axes in figure.axes}
    figure.canvas.draw()
    assert places["Validation loss by time"] == places["Validation loss (dropout off)"]
    assert places["Validation loss by time"] == max(places.values())


def test_a_figure_is_told_by_its_titles_axes_and_values(metrics):
    metrics["GRU"] |= {"val_losses": [2.5, 1.5, 1.75], "epoch_times": [1.0, 1.0, 1.0]}
    words = helpers.in_words(helpers.plot_learning_curves(metrics))
    assert "Validation loss by time: nats per character against seconds trained. RNN from" in words
    assert "GRU from 2.5 to 1.75, between 1.5 and 2.5" in words and "GRU 1.500" in words
    figure, axes = plt.subplots()
    axes.axvline(64, label="required")
    axes.plot([1, 2], [math.nan, math.nan], label="nothing")
    assert helpers.in_words(figure) == "required at 64; nothing"
    figure.set_label("In other\nwords")
    assert helpers.in_words(figure) == "In other words"


@pytest.fixture
def tradeoff(table):
    """The figure of TODO 8 that students draw themselves."""
    x, y = "Keystroke (ms)", "Test Perplexity"
    axes = table.plot.scatter(x, y, s=60)
    for name, *place in table[["Model", x, y]].to_numpy():
        axes.annotate(name, place, xytext=(6, 6), textcoords="offset points")
    return axes.figure


def test_a_students_points_are_told_by_the_names_beside_them(tradeoff):
    axes, told = "Test Perplexity against Keystroke (ms)", helpers.in_words(tradeoff)
    assert told == f"{axes}. RNN at 1 and 6; LSTM at 3 and 5; GRU at 2 and 5.1"


def test_names_beside_a_students_points_stay_inside_the_axes(tradeoff):
    tradeoff.canvas.draw()
    (axes,) = tradeoff.axes
    inside = axes.get_window_extent()
    boxes = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) == 3
    assert all(box.x1 <= inside.x1 and box.y1 <= inside.y1 for box in boxes)


def test_in_a_notebook_figures_have_words_and_texts_have_no_fixed_lines():
    sources = [
        "import helpers",
        "helpers.say('a < b')",
        "figure = helpers.plt.figure(); figure.subplots().set_title('a > b');",
        "empty = helpers.plt.figure()",
    ]
    notebook = nbformat.v4.new_notebook(cells=[*map(nbformat.v4.new_code_cell, sources)])
    run_notebook(notebook)
    (said,), (drawn,), (empty,) = (cell.outputs for cell in notebook.cells[1:])
    assert said.data["text/plain"] == "a < b" and "a &lt; b</div>" in said.data["text/html"]
    assert drawn.data["text/plain"] == "a > b" and drawn.data["image/png"]
    assert drawn.data["text/html"].startswith('<img alt="a &gt; b" src="data:image/png;base64,')
    assert "0 Axes" in empty.data["text/plain"] and len(empty.data) == 1


# --- slips in the cells that call them ---------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (None, "is None"),
        (pd.DataFrame({"Test Perplexity": [1.0]}), "has no column 'Model'"),
        (pd.DataFrame({"Model": ["RNN"]}), "has no column 'Test Perplexity'"),
        (
            pd.DataFrame({"Model": ["RNN"], "Test Perplexity": ["7.1"]}),
            "has no numbers in the column 'Test Perplexity'",
        ),
        (
            pd.DataFrame({"Model": ["RNN", "RNN"], "Test Perplexity": [7.1, 7.1]}),
            "has the model 'RNN' twice",
        ),
    ],
)
def test_a_table_that_does_not_fit_is_named(table, said):
    with pytest.raises(ValueError, match=rf"the table {said}\. .*create_performance_table"):
        helpers.by_model(table, "Test Perplexity")


def test_a_table_by_model_is_one_too(table):
    by_model = table.set_index("Model")
    pd.testing.assert_frame_equal(helpers.by_model(by_model), by_model)
    pd.testing.assert_frame_equal(helpers.by_model(table), by_model)


@pytest.mark.parametrize("loss", [(1.9, 0.5), None, "1.9", torch.zeros(2)])
def test_a_loss_that_is_no_number_is_named(loss, tiny):
    best = helpers.BestWeights(tiny[0])
    with pytest.raises(
        TypeError, match=r"the loss is .*(returns \(loss, seconds\)|must be a number)"
    ):
        best.update(loss)
    assert best.epoch == 0


def test_training_learns_although_gradients_are_switched_off(tiny):
    model, (X, y, *_), *_ = tiny
    before = model.output.weight.clone()
    with torch.no_grad():
        adam = torch.optim.Adam(model.parameters())
        helpers.train_epoch(model, X[::20], y[::20], adam, nn.CrossEntropyLoss())
    assert not torch.equal(model.output.weight, before)


def test_a_model_that_has_diverged_writes_no_text(tiny):
    model, _, char2idx, idx2char = tiny
    with torch.no_grad():
        model.output.weight.fill_(float("nan"))
    with pytest.raises(
        ValueError, match="training of CharGRU diverged: its outputs are not numbers"
    ):
        helpers.generate_text(model, "the", char2idx, idx2char)
