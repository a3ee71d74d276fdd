"""phone/keyboard/: the kernel, what the page is given, the table it sends, who serves it."""

import base64
import contextlib
import http.client
import io
import shutil
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wasmtime
from torch import nn

from lab.extras import phone
from lab.extras.phone import int8
from lab.extras.phone.keyboard import pack, readback, serve, write
from lab.ngram import NGram

KERNEL = write.HERE / "product.wasm"
ON_A_PHONE = "WebAssembly SIMD, clock ticks of 1.000 ms, Mozilla/5.0 (made up) Mobile"


@pytest.fixture(scope="module")
def written(to_type, tmp_path_factory):
    folder = tmp_path_factory.mktemp("keyboard") / "new" / "folder"
    return phone.write_keyboard(*to_type, folder, measured=60)


@pytest.fixture
def keyboard(written, tmp_path):
    """The path of a page that a test may do with what it likes, in a folder of its own."""
    folder = tmp_path / "own"
    folder.mkdir()
    return Path(shutil.copy(written, folder))


# ----- The kernel ---------------------------------------------------------------------------------


def test_the_kernels_bytes_are_built_from_its_text():
    text = KERNEL.with_suffix(".wat").read_text(encoding="utf-8")
    assert bytes(wasmtime.wat2wasm(text)) == KERNEL.read_bytes()


# ----- What the page is given ---------------------------------------------------------------------


def unpacked(model):
    """Return the tensors of a packed model, as engine.js reads them."""

    def numbers(text, dtype="<f4"):
        return np.frombuffer(base64.b64decode(text), dtype)

    found = {}
    for name, laid in model["tensors"].items():
        if "fp32" in laid:
            found[name] = numbers(laid["fp32"])
        else:
            stored = numbers(laid["int8"], np.int8).reshape(laid["rows"], laid["cols"])
            found[name] = stored * numbers(laid["scales"])[:, None]
    return found


def test_a_packed_model_holds_what_int8_leaves_of_it(to_type):
    for model in to_type[0].values():
        expected, found = pack.weights_of(int8.int8_copy(model)), unpacked(pack.packed(model))
        assert list(found) == list(expected)
        for name, tensor in expected.items():
            assert found[name] == pytest.approx(tensor.numpy(), rel=1e-6), name


class Parts(nn.Module):
    """An embedding, recurrent layers and an output, and whatever else."""

    def __init__(self, layers=None, linear=None, **others):
        super().__init__()
        self.embedding, self.layers = nn.Embedding(5, 10), layers or nn.GRU(10, 20)
        self.linear = linear or nn.Linear(20, 5)
        for name, module in others.items():
            setattr(self, name, module)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (
            Parts(nn.GRU(10, 20, bidirectional=True)),
            "its GRU needs tanh, one direction and no projection",
        ),
        (
            Parts(nn.LSTM(10, 20, proj_size=5)),
            "its LSTM needs tanh, one direction and no projection",
        ),
        (
            Parts(nn.RNN(10, 20, nonlinearity="relu")),
            "its RNN needs tanh, one direction and no projection",
        ),
        (Parts(norm=nn.LayerNorm(20)), "its layers are Embedding, GRU, Linear, LayerNorm"),
        (Parts(nn.Conv1d(10, 20, 3)), "its layers are Embedding, Conv1d, Linear"),
        (nn.Identity(), "it has no layers"),
    ],
)
def test_what_the_page_does_not_compute_is_named(model, said):
    with pytest.raises(pack.NotForThePage, match=said):
        pack.packed(model)


def test_a_model_that_does_more_with_its_layers_gets_a_sentence(
    to_type, namespace, tmp_path, capsys
):
    class Doubled(namespace["CharGRU"]):
        def forward(self, *args, **kwargs):
            logits, hidden = super().forward(*args, **kwargs)
            return 2 * logits, hidden

    models = to_type[0] | {"GRU": Doubled(len(to_type[-1]), 10, 20, 2, 0.3)}
    assert phone.write_keyboard(models, *to_type[1:], tmp_path) is None
    assert capsys.readouterr().out == (
        "The page needs an embedding, recurrent layers and one linear "
        "output layer. GRU is different: its forward() computes something else.\n"
    )
    assert not list(tmp_path.iterdir())


def test_nothing_is_written_over_files(to_type, tmp_path, capsys):
    (tmp_path / "taken").write_text("a file, not a folder")
    assert phone.write_keyboard(*to_type, tmp_path / "taken") is None
    assert f"{tmp_path / 'taken'} cannot be written (" in capsys.readouterr().out


def test_a_long_training_text_is_counted_at_its_end(to_type, monkeypatch):
    monkeypatch.setattr(write, "COUNTED", 200)
    models, ngram_model, train_X, train_y, test_X, chars = to_type
    contents = write.contents(models, ngram_model, train_X, train_y, test_X, chars)
    learned = "".join(chars[index] for index in [*train_X[0].tolist(), *train_y.tolist()])
    assert contents["ngram"]["text"] == learned[-200:]
    again = NGram(train_y[-200:].tolist(), len(chars), ngram_model.order)
    text = contents["text"]
    probabilities = [again.probabilities(text[: k + 1])[text[k + 1]] for k in range(len(text) - 1)]
    expected = np.exp(-np.log(probabilities).mean())
    assert contents["perplexities"][ngram_model.name] == pytest.approx(expected)


def test_no_text_ends_the_page_early(to_type, tmp_path):
    models, ngram_model, *splits, _ = to_type
    chars = ["</script><p>", *to_type[-1][1:]]  # whatever a vocabulary may hold
    path = phone.write_keyboard(models, ngram_model, *splits, chars, tmp_path)
    assert write.given_to(path)["chars"] == chars
    assert path.read_text(encoding="utf-8").count("</script>") == 3


# ----- The table that comes back ------------------------------------------------------------------


def table_of(keyboard, device=ON_A_PHONE, changed=("", "")):
    """Return a table as the page at a path would copy it; ``changed`` is (old, new)."""
    page = write.given_to(keyboard)
    names = [*page["models"], page["ngram"]["name"]]
    rows = [f"{name}, 0.1, 0.2, 0.3, 0.4, 0.0, 1.0, 2.0, 9.01, 9.01, 1.0e-6" for name in names[:3]]
    rows += [f"{names[3]}, 0.1, 0.2, 0.3, 0.4, 0.0, 1.0, 2.0, 9.01, 9.01, "]
    columns = ", ".join(["Model", *write.COLUMNS.values()])
    text = "\n".join([columns, *rows, f"# page {page['page']}, {device}"])
    assert changed[0] in text
    return text.replace(*changed) if changed[0] else text


MISSING = "a column, a model or a number is missing or wrong"


def test_a_table_is_read_back(keyboard):
    table, device = readback.device_table(f"\n\n  {table_of(keyboard)}\n", write.given_to(keyboard))
    assert list(table.index[:3]) == ["RNN", "LSTM", "GRU"] and len(table) == 4
    assert table.loc["LSTM", "p99 (ms)"] == 0.3 and np.isnan(table.iloc[3]["Logits Differ"])
    assert device == ON_A_PHONE


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("# page", "page", "not a complete table of the page"),
        ("# page ", "# page 1234", "measured on the page 1234"),
        ("0.2", "fast", MISSING),
        ("9.01", "nan", MISSING),
        ("9.01", "inf", MISSING),
        ("9.01", "9.0.1", MISSING),
        ("1.0e-6", "", MISSING),
        ("0.1", "-0.1", MISSING),
        ("GRU", "GRUs", MISSING),
        ("p95 (ms)", "p95", MISSING),
        ("GRU, 0.1", "GRU, 0.1, 0.2, 0.2, 0.2", MISSING),
        ("GRU, 0.1,", "", MISSING),
        ("RNN", '"RNN"RNN', MISSING),
    ],
)
def test_what_is_no_table_is_refused(keyboard, old, new, said):
    text = table_of(keyboard, changed=(old, new))
    with pytest.raises(readback.NotATable, match=said):
        readback.device_table(text, write.given_to(keyboard))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Model", "Anna, look:\n\nModel"),
        ("\n", "\n\n"),
        ("\n", "\n> "),
        ("\n", "  \n    "),
        ("\n", "\r\n"),
        (", ", ",\n"),  # wrapped
        ("at Pace", "at\nPace"),
        (", ", ",\u00a0"),
        (", ", ",\t"),
        ("1.0e-6", "1.0e\u22126"),
        ("Model", "```\nModel"),
        ("Mobile", "Mobile\n```\nbest wishes"),
        ("Model", "Model, Key\nRNN, 1\nModel"),  # once more, from the beginning
    ],
)
def test_what_a_message_does_to_a_table_does_no_harm(keyboard, old, new):
    page = write.given_to(keyboard)
    table, device = readback.device_table(table_of(keyboard, changed=(old, new)), page)
    expected, _ = readback.device_table(table_of(keyboard), page)
    assert table.equals(expected) and "WebAssembly SIMD" in device and "Mobile" in device


@pytest.mark.parametrize("text", ["", "#", "# page ", "\x00", "Model", "a, b\n# page 1, 2"])
def test_a_stray_text_is_refused(keyboard, text):
    with pytest.raises(readback.NotATable):
        readback.device_table(text, write.given_to(keyboard))


@pytest.fixture
def on_phone(to_type):
    """What phone_table would return of it, as far as it is read."""
    names = [*to_type[0], to_type[1].name]
    return pd.DataFrame({"Keystroke (ms)": [1.0, 4.0, 3.0, 0.5]}, pd.Index(names, name="Model"))


def shown(capsys, *given):
    phone.compare_with_laptop(*given)
    return capsys.readouterr().out


def differing(old, new):
    """Return a function (page) -> the table of a page that computes something else."""
    return lambda keyboard: table_of(keyboard, changed=(old, new))


ON_A_COMPUTER = "WebAssembly SIMD, Mozilla/5.0 (X11; Linux x86_64)"
COMPUTED_ELSE = "did not compute the same as the notebook (RNN, LSTM, GRU"


@pytest.mark.parametrize(
    ("text_of", "said"),
    [
        (
            lambda keyboard: "\n",
            "There is no table of a device yet. So far, no phone",
        ),
        (lambda keyboard: "a, b", " So far, no phone was measured.\n"),
        (
            lambda keyboard: table_of(keyboard, ON_A_COMPUTER),
            "do not claim that you measured a phone",
        ),
        (differing("1.0e-6", "2.0e-4"), COMPUTED_ELSE),
        (differing("9.01, 9.01", "9.03, 9.01"), COMPUTED_ELSE),
        (differing("9.01, 9.01", "9, 9.01"), COMPUTED_ELSE),
    ],
)
def test_without_a_phone_that_computed_the_models_nothing_may_be_claimed(
    text_of, said, keyboard, on_phone, capsys
):
    printed = shown(capsys, text_of(keyboard), keyboard, on_phone, None)
    assert said in printed and "measured on a phone" not in printed


def test_of_a_page_that_could_not_be_written_nothing_is_said(capsys):
    assert not shown(capsys, "", None, None, None)  # write_keyboard said why


def test_a_phones_table_stands_beside_the_laptops_figures(keyboard, on_phone, capsys):
    runtimes = pd.DataFrame({"ONNX Runtime, int8 (ms)": 0.7}, on_phone.index[:3])
    printed = shown(capsys, table_of(keyboard), keyboard, on_phone, runtimes)
    assert f"Device: {ON_A_PHONE}\nThe models were measured on a phone" in printed
    table, _ = readback.device_table(table_of(keyboard), write.given_to(keyboard))
    beside = readback.with_laptop(table, on_phone, runtimes)
    assert beside.loc["LSTM", "Device: Keystroke (ms)"] == 0.1
    assert beside.loc["LSTM", "Computer, PyTorch; n-gram model: NumPy (ms)"] == 4
    assert beside.loc["LSTM", "Computer, ONNX Runtime (ms)"] == 0.7


# ----- On the network -----------------------------------------------------------------------------


@pytest.fixture
def server(keyboard):
    with serving(keyboard) as server:
        yield server


@contextlib.contextmanager
def serving(keyboard):
    """Serve a page as serve_keyboard does, until the end of the block."""
    with serve.Server(("127.0.0.1", 0), keyboard) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def answer(server, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, response.read()


def test_the_page_is_served_and_nothing_else(server, keyboard):
    (keyboard.parent / "secret.txt").write_text("secret")
    assert answer(server, "GET", "/") == (200, keyboard.read_bytes())
    assert answer(server, "GET", "/?") == (200, keyboard.read_bytes())
    assert answer(server, "HEAD", "/") == (200, b"")
    for path in ("/secret.txt", "/../keyboard.html", "/keyboard.html", "/table", "*"):
        status, content = answer(server, "GET", path)
        assert (status, content) == (404, b"This server has only the page, at /.")
    for method in ("PUT", "DELETE", "OPTIONS", "PATCH"):
        assert answer(server, method, "/")[0] == 501


def test_a_table_is_taken_and_read_by_the_notebook(server, keyboard, on_phone, capsys):
    for device in ("first", ON_A_PHONE):
        text = table_of(keyboard, device, changed=("\n", "\n\n")).encode()
        assert answer(server, "POST", "/table", text) == (200, b"Received.")
    assert f"Received a table from 127.0.0.1: {ON_A_PHONE}" in capsys.readouterr().out
    assert server.received == 2
    assert "first" in readback.received_tables(keyboard).read_text(encoding="utf-8")
    with readback.received_tables(keyboard).open("a", encoding="utf-8") as file:
        file.write("Model\n# page 0123456789ab, of other models\n\n")
    assert f"Device: {ON_A_PHONE}" in shown(capsys, "", keyboard, on_phone, None)  # our last one


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/", b"", {}, 404),
        ("/table", b"", {}, 400),
        ("/table", b"x" * 100, {}, 400),
        ("/table", b"\xff\xfe", {}, 400),
        ("/table", None, {"Content-Length": "99999999999"}, 413),
        ("/table", None, {"Content-Length": "9" * 5_000}, 413),
        ("/table", None, {"Content-Length": "-1"}, 413),
        ("/table", None, {"Content-Length": "many"}, 413),
        ("/table", None, {"Transfer-Encoding": "chunked"}, 413),
    ],
)
def test_anything_but_a_table_is_refused(server, keyboard, path, body, headers, status):
    assert answer(server, "POST", path, body, headers)[0] == status
    assert not readback.received_tables(keyboard).exists() and server.received == 0


def test_a_table_of_another_page_is_refused_with_what_to_do(server, keyboard):
    page = write.given_to(keyboard)["page"]
    text = table_of(keyboard, changed=(page, "0123456789ab")).encode()
    status, said = answer(server, "POST", "/table", text)
    assert status == 400 and b"Open the current page on the device, and measure again" in said


def test_a_table_that_cannot_be_kept_is_not_lost_silently(server, keyboard):
    readback.received_tables(keyboard).mkdir()
    status, said = answer(server, "POST", "/table", table_of(keyboard).encode())
    assert status == 500 and b"cannot be saved" in said and server.received == 0


def test_no_more_tables_are_taken_than_a_class_sends(server, keyboard, monkeypatch):
    monkeypatch.setattr(serve, "MOST", 1)
    text = table_of(keyboard).encode()
    assert [answer(server, "POST", "/table", text)[0] for _ in range(2)] == [200, 429]
    assert readback.received_tables(keyboard).read_text(encoding="utf-8").count("# page") == 1


def test_a_page_that_is_written_again_is_served_as_it_is_now(server, keyboard):
    assert answer(server, "GET", "/")[0] == 200
    keyboard.write_text("another", encoding="utf-8")
    assert answer(server, "GET", "/") == (200, b"another")
    keyboard.unlink()
    assert answer(server, "GET", "/")[0] == 404


@pytest.mark.parametrize(
    ("address", "said"),
    [("192.168.178.21", "hotspot"), (serve.ALONE, "This computer is not connected to a network")],
)
def test_serving_says_where_and_ends_when_it_is_interrupted(
    address, said, keyboard, monkeypatch, capsys
):
    def interrupted(server):
        assert server.server_address[0] == "0.0.0.0"  # a phone reaches it, not only this computer
        raise KeyboardInterrupt

    monkeypatch.setattr(serve, "own_address", lambda: address)
    monkeypatch.setattr(serve.Server, "serve_forever", interrupted)
    phone.serve_keyboard(keyboard)
    printed = capsys.readouterr()
    assert printed.out.startswith(f"Open http://{address}:") and said in printed.out
    assert printed.out.endswith("The server has stopped. Tables received: 0.\n") and not printed.err


def test_what_is_missing_to_serve_is_said(tmp_path, monkeypatch, capsys):
    (tmp_path / "other.html").write_text("<html>")
    monkeypatch.chdir(tmp_path)
    for path in (None, tmp_path / "keyboard.html", tmp_path / "other.html", tmp_path):
        phone.serve_keyboard(path)
        assert capsys.readouterr().out == (
            f"There is no page in {path or Path('exported/keyboard.html')}. "
            "First run the cell that writes it.\n"
        )
    monkeypatch.setitem(sys.modules, "segno", None)
    serve.show_code("http://127.0.0.1:1/")
    assert (
        capsys.readouterr().out
        == "To see the address as a QR code, install segno: pip install segno\n"
    )


def test_the_address_is_a_picture_in_a_notebook_and_text_in_a_terminal(monkeypatch, capsys):
    displayed = []
    monkeypatch.setattr(serve, "display", displayed.append)
    serve.show_code("http://192.168.178.21:54321/")
    assert displayed[0].data.startswith("<svg") and "QR code" in displayed[0].data
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    serve.show_code("http://192.168.178.21:54321/")
    assert len(displayed) == 1 and len(capsys.readouterr().out.splitlines()) > 15


def test_a_terminal_without_block_characters_gets_no_code_and_no_error(monkeypatch):
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stdout", terminal)
    serve.show_code("http://127.0.0.1:1/")
    terminal.flush()
    assert not terminal.buffer.getvalue().strip()
