"""Nothing is lost in a session: interrupts, divergence, cells run twice, shadowed names."""

import copy
import math
import os
import signal
import threading
import time

import nbformat
import pytest

import helpers
from course import read_solution
from course.make_exercise import SOLUTION
from lab import exercise, memory, ngram
from lab.extras import gates, gradients, last_step, phone, study_views
from lab.goal import Requirements, requirements_table
from lab.takeaways import compare_guess, key_takeaways
from tests.running import cell_of, printed_by, run_notebook


@pytest.fixture
def train(namespace, sample):
    """Return a function that runs the solution's training for three epochs on a short text."""
    text, chars, char2idx, _ = sample
    splits = helpers.prepare_sequences(text[:5_000], char2idx)
    small = {
        name: lambda vocab_size, cls=cls: cls(vocab_size, hidden_dim=16)
        for name, cls in namespace["MODEL_CLASSES"].items()
    }

    def run(**names):
        own = read_solution.run_todos(1, 2, 3, 5)
        own.update(names)  # in a namespace that nobody else has
        trained = own["train_and_compare_models"](small, *splits[:4], len(chars), epochs=3)
        return *trained, splits[4:]

    return run


def rest_of_the_notebook(models, metrics, test):
    """Run what the notebook does with models and metrics; return the table."""
    asked = Requirements(**exercise.REQUIREMENTS)
    table = helpers.create_performance_table(metrics, models, *test)
    spans = dict.fromkeys(models, 128)
    helpers.show_table(table)
    helpers.plot_learning_curves(metrics).canvas.draw()
    last_step.plot(metrics, table)
    gradients.plot_reach(models, *test)
    gates.half_lives({}, gates.while_reading(models, test[0], vocab_size=100))
    gates.plot_sentence(models, {"GRU": type(models.get("GRU"))}, test[0], "a" * 100)
    requirements_table(table, spans, asked)
    compare_guess({"speed": "RNN"}, table, spans)
    key_takeaways(table, spans, asked, "a text of its own")
    return table.set_index("Model")


@pytest.mark.parametrize("at", [1, 4, 6])
def test_an_interrupt_leaves_what_there_is_to_the_rest_of_the_notebook(train, at, capsys):
    calls = []

    def train_epoch(*arguments):
        calls.append(1)
        if len(calls) == at:
            raise KeyboardInterrupt
        return helpers.train_epoch(*arguments)

    models, metrics, test = train(train_epoch=train_epoch)
    assert list(models) == list(metrics) == ["RNN", "LSTM"][: math.ceil(at / 3)]
    done = {name: len(measured["epoch_times"]) for name, measured in metrics.items()}
    assert sum(done.values()) == at - 1
    table = rest_of_the_notebook(models, metrics, test)
    assert list(table.index) == list(models) and (table["Test Perplexity"] > 1).all()
    printed = capsys.readouterr().out
    assert f"{list(models)[-1]}: interrupted." in printed and "compare all three" in printed


def test_divergence_stops_one_model_and_the_others_finish(train, capsys):
    calls = []

    def train_epoch(*arguments):
        calls.append(1)
        loss, seconds = helpers.train_epoch(*arguments)
        return (math.inf if len(calls) == 5 else loss), seconds  # the LSTM's second

    models, metrics, test = train(train_epoch=train_epoch)
    assert [len(measured["epoch_times"]) for measured in metrics.values()] == [3, 2, 3]
    assert metrics["LSTM"]["best_epoch"] in (1, 2)
    table = rest_of_the_notebook(models, metrics, test)
    assert table.loc["LSTM", "Final Train Loss"] == math.inf
    assert table.loc["LSTM", "Test Perplexity"] < math.inf
    assert "LSTM: the loss has diverged in epoch 2: inf" in capsys.readouterr().out


def test_a_learning_rate_that_diverges_is_survived(train, sample, capsys):
    rates = dict.fromkeys(("RNN", "LSTM", "GRU"), 1e30)
    models, metrics, test = train(LEARNING_RATES=rates)
    assert list(models) == ["RNN", "LSTM", "GRU"]
    assert {measured["best_epoch"] for measured in metrics.values()} == {0}
    table = rest_of_the_notebook(models, metrics, test)
    # The weights of the start, which guess.
    assert (table["Test Perplexity"] / len(sample[1])).between(0.9, 1.2).all()
    printed = capsys.readouterr().out
    assert printed.count("the loss has diverged in epoch 1") == 3


# --- in a kernel -----------------------------------------------------------------------------


def session(change):
    """Run the solution in quick mode after ``change(cells by id)``; return its notebook."""
    notebook = nbformat.read(SOLUTION, as_version=4)
    notebook.cells = [
        c for c in notebook.cells if "solution-only" not in c.metadata.get("tags", ())
    ]
    change(notebook)
    return run_notebook(notebook)


def shown_by(notebook, cell_id):
    """Return what a cell displays as text, not what it prints."""
    outputs = cell_of(notebook, cell_id).outputs
    return "".join(output.get("data", {}).get("text/plain", "") for output in outputs)


def add_after(notebook, cell_id, source):
    """Add a cell with the id "added"."""
    place = [cell.id for cell in notebook.cells].index(cell_id)
    notebook.cells.insert(place + 1, nbformat.v4.new_code_cell(source, id="added"))


STATUS = "print(sorted(set(checks.summary()['status'])))"
PASSED = "['graded by the instructor', 'passed']\n"


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="sends the signal that an interrupt is elsewhere")
def test_the_kernels_interrupt_in_the_middle_of_an_epoch(tmp_path, quick):
    pid = tmp_path / "pid"

    def interrupt(notebook):
        while ", about " not in shown_by(notebook, "train"):
            time.sleep(0.1)
        os.kill(int(pid.read_text()), signal.SIGINT)

    def change(notebook):
        cell = cell_of(notebook, "train")
        cell.source = cell.source.replace("epochs=EPOCHS", "epochs=10_000")
        cell.source = f"import os\nopen({str(pid)!r}, 'w').write(str(os.getpid()))\n{cell.source}"
        # The key's paragraph needs all three models.
        of_one = "misses, recommendation, evidence = {}, 'RNN', {}"
        cell_of(notebook, "recommendation").source = of_one
        cell_of(notebook, "paragraph").source = "paragraph = ''"
        cell.outputs = []
        threading.Thread(target=interrupt, args=[notebook], daemon=True).start()

    notebook = session(change)
    assert "RNN: interrupted." in printed_by(notebook, "train")
    assert "compare all three models" in printed_by(notebook, "key-takeaways")


@pytest.mark.slow
def test_cells_run_twice_give_what_they_give_once(quick):
    def change(notebook):
        doubled = []
        for cell in notebook.cells:
            doubled += [cell, copy.deepcopy(cell)] if cell.cell_type == "code" else [cell]
            if len(doubled) > 1 and doubled[-1].id == doubled[-2].id:
                doubled[-1].id += "-again"
        notebook.cells = doubled
        lengths = "print([len(m['epoch_times']) for m in metrics.values()])"
        add_after(notebook, "summary-again", f"{lengths}\n{STATUS}")

    printed = printed_by(session(change), "added")
    assert printed.startswith("[2, 2, 2]\n")  # quick mode has two epochs
    assert printed.endswith(PASSED)


@pytest.mark.slow
def test_a_students_variables_may_shadow_the_loops_and_the_text(quick):
    def change(notebook):
        cell_of(notebook, "samples").source += (
            "\nfor name, texts in samples.items():\n"
            "    for temperature, text in texts.items():\n"
            "        model = x = X = y = epoch = seed = rows = axes = None\n"
        )
        add_after(notebook, "summary", STATUS)

    notebook = session(change)
    assert printed_by(notebook, "added").endswith(PASSED)
    assert "It says nothing about your text" not in printed_by(notebook, "study")


@pytest.mark.parametrize("ran", [[], ["setup"], ["setup", "data", "requirements"]])
def test_after_a_restart_each_cell_runs_or_names_what_is_missing(ran):
    cells = read_solution.read()["cells"]
    sources = {c["id"]: "".join(c["source"]) for c in cells if c["cell_type"] == "code"}
    before = {"__name__": "__main__", "display": print}
    for cell_id in ran:
        exec(sources[cell_id], before)
    missing = {}
    for cell_id in [cell_id for cell_id in sources if cell_id not in ran]:
        try:
            exec(compile(sources[cell_id], cell_id, "exec"), dict(before))
        except NameError as error:  # anything else is a message that misleads
            missing[cell_id] = error.name
    assert missing["train"] == ("corpus_text" if len(ran) < 2 else "train_and_compare_models")
    assert missing["samples"] == ("helpers", "chars", "chars", "models")[len(ran)]


ASKED = Requirements(**exercise.REQUIREMENTS)


@pytest.mark.parametrize(
    ("todo", "function", "given"),
    [
        (5, helpers.generate_text, (None, "a", {}, {})),
        (5, helpers.create_performance_table, (None,) * 4),
        (5, helpers.plot_learning_curves, (None,)),
        (6, helpers.show_samples, (None,)),
        (7, helpers.show_table, (None,)),
        (5, ngram.compare, (None,) * 5),
        (7, requirements_table, (None, None, ASKED)),
        (9, memory.plot_forgetting, (None,) * 4),
        (9, gates.while_remembering, (None,) * 2),
        (5, gates.while_reading, (None,) * 3),
        (5, gates.plot_sentence, (None,) * 4),
        (7, compare_guess, ({}, None, None)),
        (7, key_takeaways, (None, None, ASKED, "")),
        (5, gradients.plot_reach, (None,) * 3),
        (7, last_step.plot, ({}, None)),
        (7, study_views.plot_with_seeds, (None, "")),
        (5, phone.phone_table, (None,) * 5),
        (5, phone.compare_runtimes, (None,) * 3),
        (5, phone.write_keyboard, (None,) * 6),
    ],
)
def test_what_is_given_none_says_which_todo_it_waits_for(todo, function, given, capsys):
    assert not function(*given)
    printed = capsys.readouterr().out
    assert printed.startswith(f"Waiting for TODO {todo}") and printed.count("\n") == 1
