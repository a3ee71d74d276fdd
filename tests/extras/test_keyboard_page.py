"""The keyboard's page in a real browser: what it computes, types, suggests, measures and sends.

No test looks at a latency. Screenshots go to exported/.
"""

import base64

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch import nn

from course.make_exercise import ROOT
from lab.extras import phone
from lab.extras.phone import int8, keystrokes, savings
from lab.extras.phone.keyboard import readback, write
from lab.ngram import NGram
from tests import browsers
from tests.extras.test_keyboard import serving

pytestmark = browsers.needed
NONE = "\u2013"  # on a button without a suggestion
# What an on-screen keyboard leaves of the smallest phones, in CSS pixels.
SMALLEST = {"width": 320, "height": 240}


@pytest.fixture(scope="module")
def browser():
    with browsers.launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def keyboard(to_type, tmp_path_factory):
    return phone.write_keyboard(*to_type, tmp_path_factory.mktemp("keyboard"), measured=60)


@pytest.fixture
def opened(browser, keyboard):
    """Return a function that opens a page and returns it; in the end, none had an error."""
    context, errors = browser.new_context(viewport=SMALLEST), []

    def open_it(address=None, before="", scheme="light"):
        page = context.new_page()
        page.emulate_media(color_scheme=scheme)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.add_init_script(before)
        page.goto(address or keyboard.as_uri())
        return page

    yield open_it
    context.close()
    assert not errors


def suggested(page):
    """Return {model: (three characters, three words)} as the page shows them."""
    return page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll(".card")].map((card) => [
            card.querySelector("h2").textContent,
            [".characters", ".words"].map((part) => [...card.querySelectorAll(`${part} button`)]
                .map((button) => button.textContent))]))"""
    )


@torch.no_grad()
def expected(to_type, text):
    """Return what suggested() should, from PyTorch and lab/ngram.py."""
    models, ngram_model, *_, chars = to_type
    inside, found = savings.in_words(chars), {}
    letters = "".join(np.array(chars)[inside.numpy()])
    word = text[len(text.rstrip(letters)) :]
    stored = {name: int8.int8_copy(model) for name, model in models.items()}
    steps = {name: keystrokes.Step(model) for name, model in stored.items()}
    steps[ngram_model.name] = keystrokes.NGramStep(ngram_model)
    last = len(text) - 1
    for name, step in steps.items():
        logs, states = savings.read_along(step, [chars.index(character) for character in text])
        three = [chars[k].replace(" ", "␣") for k in torch.argsort(-logs[last], stable=True)[:3]]
        states = [state[:, last:] for state in states]
        (rests,) = savings.words_ahead(step, logs[last:], states, inside)
        words = [word + "".join(chars[k] for k in rest) for rest in rests]
        found[name] = [three, words + [NONE] * (3 - len(words))]
    return found


def suggests(page, to_type, text):
    """Assert that a page suggests what it should after a text. Of the n-gram model, whose
    counts are often equal, it is the first of three."""
    shown, right = suggested(page), expected(to_type, text)
    name = to_type[1].name
    for found in (shown, right):
        found[name] = [three[0] for three in found[name]]
    assert shown == right


def test_the_page_is_one_file_and_asks_for_nothing(browser, keyboard):
    page, asked = browser.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(keyboard.as_uri())
    assert page.title() and asked == [keyboard.as_uri()]
    page.close()


def test_what_is_typed_is_read_by_each_model(opened, to_type):
    page = opened()
    for text in ("the", "the quick br", "the quick brown "):
        page.fill("#text", text)
        suggests(page, to_type, text)


def test_what_is_deleted_pasted_or_changed_in_the_middle_is_read(opened, to_type):
    page = opened()
    page.click("#text")
    page.keyboard.type("the quick")
    for _ in "ick":
        page.keyboard.press("Backspace")
    suggests(page, to_type, "the qu")
    page.keyboard.insert_text("ick brown\nfo")  # as a paste does; a line's end is read as a space
    suggests(page, to_type, "the quick brown fo")
    page.fill("#text", "a quick brown fo")
    suggests(page, to_type, "a quick brown fo")
    for _ in "wn fo":
        page.keyboard.press("ArrowLeft")
    page.wait_for_function("() => read.length === 11")
    suggests(page, to_type, "a quick bro")  # what stands before the cursor
    letter = suggested(page)["LSTM"][0][0].replace("␣", " ")
    page.click("#card-LSTM .characters button")
    assert page.input_value("#text") == f"a quick bro{letter}wn fo"
    page.fill("#text", "")
    assert {str(found) for found in suggested(page).values()} == {str([[NONE] * 3] * 2)}


def test_a_character_that_no_model_knows_is_left_out_and_named(opened, to_type):
    page = opened()
    page.fill("#text", "thÜe 𝄞😀Üqui")
    assert page.inner_text("#said").endswith("does not have them: Ü 𝄞 😀")
    assert [three for three, _ in suggested(page).values()] == [
        three for three, _ in expected(to_type, "the qui").values()
    ]
    assert suggested(page)["RNN"][1][0].startswith("Üqui")  # the word as it was typed
    page.fill("#text", "the " * 250)
    assert page.inner_text("#said") == "The text can have at most 1000 characters."
    page.click("#card-GRU .characters button")
    assert len(page.input_value("#text")) == 1000


ALPHABET = "abeu .क\u094d\u093f\u200c\u200d'-1½üa\u0958\u0301\u0302\u06cc\u064e中\U0001f600\u0964"


def page_of(chars, namespace, folder):
    """Write the page for untrained models with these characters, and return its path."""
    classes = namespace["MODEL_CLASSES"].items()
    models = {name: model_class(len(chars), 8, 8, 1, 0) for name, model_class in classes}
    text = torch.arange(600) % len(chars)
    windows = text.unfold(0, 50, 1)[:-1], text[50:]
    ngram_model = NGram.of_windows(*windows, *windows, len(chars))
    return phone.write_keyboard(models, ngram_model, *windows, windows[0], chars, folder, 60)


@pytest.fixture(scope="module")
def other_scripts(namespace, tmp_path_factory):
    """Write the page for a vocabulary of several scripts; return (path, chars)."""
    chars = sorted(set(ALPHABET))
    return page_of(chars, namespace, tmp_path_factory.mktemp("scripts")), chars


def test_the_page_has_the_words_of_the_simulated_typist(opened, other_scripts):
    path, chars = other_scripts
    assert opened(path.as_uri()).evaluate("inWord") == savings.in_words(chars).tolist()


@pytest.mark.parametrize(
    "typed, read",
    [
        ("u\u0308e\u0301", "üe\u0301"),  # composed only where the training text is
        ("á", "a\u0301"),
        ("\u1ea5", "a\u0302\u0301"),  # two marks, in the order of the decomposed form
        ("क\u094d\u200dक", "क\u094d\u200dक"),
        ("b\u2019e\nu", "b'e u"),
        ("e\u00a0\u200bu\u00ad", "e u"),  # white space, and what cannot be seen
        ("b\u2014e", "b-e"),
        ("\u0958", "\u0958"),  # a letter that Unicode never composes
        ("\u0915\u093c", "\u0958"),
        ("b\U0001f468\u200d\U0001f469e", "be"),  # a whole emoji is left out, not half of it
    ],
)
def test_what_is_typed_is_read_in_the_form_of_the_training_text(opened, other_scripts, typed, read):
    path, _ = other_scripts
    page = opened(path.as_uri())
    page.fill("#text", typed)
    assert page.evaluate("read.map((index) => chars[index]).join('')") == read
    ignored = page.inner_text("#said").removeprefix("Ignored, because the training text does not ")
    assert ignored == ("have them: \U0001f468\u200d\U0001f469" if "\U0001f468" in typed else "")


def test_straight_quotes_are_read_as_the_curly_ones_of_the_text_and_no_space_is_made_up(
    opened, namespace, tmp_path
):
    chars = sorted(set("Dont\u2019\u201c"))
    page = opened(page_of(chars, namespace, tmp_path).as_uri())
    page.fill("#text", "\"Don't")
    assert page.evaluate("read.map((index) => chars[index]).join('')") == "\u201cDon\u2019t"
    page.locator(".words button:enabled").first.click()
    assert not page.inner_text("#said") and not page.input_value("#text").endswith(" ")


def test_what_the_page_suggests_it_reads(opened, other_scripts):
    path, _ = other_scripts
    page = opened(path.as_uri())
    page.fill("#text", "a")
    for _ in range(20):  # a mark, a joiner, whatever comes
        before = page.evaluate("read.length")
        page.click("#card-GRU .characters button")
        assert page.evaluate("read.length") == before + 1 and not page.inner_text("#said")


def test_a_tap_on_a_suggestion_types_it(opened, to_type):
    page = opened()
    page.click("#text")
    page.keyboard.type("the qu")
    shown = suggested(page)["GRU"]
    page.click("#card-GRU .characters button")
    letter = shown[0][0].replace("␣", " ")
    assert page.input_value("#text") == f"the qu{letter}"
    assert page.evaluate("document.activeElement.id") == "text"  # an on-screen keyboard stays
    word = suggested(page)["RNN"][1][1]
    page.click("#card-RNN .words button >> nth=1")
    assert page.input_value("#text").endswith(f"{word} ")
    suggests(page, to_type, page.input_value("#text"))


def test_a_screen_reader_hears_whose_suggestion_it_is(opened):
    page = opened()
    page.fill("#text", "the")
    assert page.get_by_label("Type, or tap").get_attribute("id") == "text"
    for name in ("RNN", "LSTM", "GRU"):
        labels = page.locator(f"#card-{name} button").evaluate_all(
            "all => all.map((button) => button.getAttribute('aria-label'))"
        )
        assert len(labels) == 6 and all(label.startswith(f"{name}: ") for label in labels)


def test_all_of_it_stays_above_an_on_screen_keyboard(opened):
    page = opened()
    page.click("#text")
    page.keyboard.type("the ")
    page.wait_for_function("() => find('typing').getBoundingClientRect().top < 5")
    for selector in ("#text", "#cards button"):
        for box in map(lambda one: one.bounding_box(), page.locator(selector).all()):
            assert box["x"] >= 0 and box["x"] + box["width"] <= SMALLEST["width"]
            assert box["y"] >= 0 and box["y"] + box["height"] <= SMALLEST["height"]
    assert page.evaluate("document.documentElement.scrollWidth") == SMALLEST["width"]


def test_a_long_word_shows_its_end(opened):
    page = opened()
    page.fill("#text", "thequickbrownfoxjumpsoverthela")
    shown = page.locator(".words button >> nth=0").evaluate(
        """button => {
            const text = button.firstElementChild.firstChild, range = document.createRange();
            range.setStart(text, text.length - 1);
            range.setEnd(text, text.length);
            const [last, all] = [range, button].map((one) => one.getBoundingClientRect());
            return all.left <= last.left && last.right <= all.right;
        }"""
    )
    assert shown and page.locator(".words button >> nth=0").evaluate(
        "button => button.firstElementChild.getBoundingClientRect().left < "
        "button.getBoundingClientRect().left"
    )


def test_the_ngram_model_in_the_page_is_that_of_the_notebook(opened, sample):
    text, chars, char2idx, _ = sample
    indices = [char2idx[c] for c in text[:6_000]]
    contexts = [indices[k : k + length] for k in range(0, 5_000, 50) for length in (0, 2, 5)]
    contexts += [[*indices[7:9], 0, 0, 3]]  # hardly seen
    for order in (1, 4, 6):
        found = opened().evaluate(
            """([text, vocab, order, contexts]) => {
                const ngram = new NGram(text, vocab, order);
                const seen = contexts.map((one) => one.slice(1 - order || 99));
                return seen.map((one) => [...ngram.probabilities(one)]);
            }""",
            [indices, len(chars), order, contexts],
        )
        model = NGram(indices, len(chars), order)
        expected = [model.probabilities(one[1 - order :] if order > 1 else []) for one in contexts]
        assert np.array(found) == pytest.approx(np.array(expected), rel=1e-9, abs=1e-15)


def measured(page):
    """Let a page measure, and return the table that it copies."""
    page.click("#measure")
    page.wait_for_selector("#copy:not([hidden])", timeout=120_000)
    page.click("#copy")
    return page.input_value("#result")


def is_of_these_models(page, keyboard, text, engine):
    """Assert that a table was measured by an engine, and that the page computed the models."""
    table, device = readback.device_table(text, write.given_to(keyboard))
    assert device.startswith(f"{engine}, clock ticks of ") and "Mozilla" in device
    assert (table["Keystroke (ms)"] <= table["p95 (ms)"]).all()
    assert (table["p95 (ms)"] <= table["p99 (ms)"]).all()
    expected = table["Perplexity in Notebook"]
    assert table["Perplexity"].to_numpy() == pytest.approx(expected, rel=1e-3)
    assert (table["Logits Differ"].dropna() <= 1e-4).all() and table["Logits Differ"].count() == 3
    assert (
        page.inner_text("#verdict") == "The page computes the same as the notebook, for each model."
    )
    assert page.evaluate("document.documentElement.scrollWidth") == SMALLEST["width"]


def test_a_served_page_measures_the_models_and_sends_the_table(opened, keyboard):
    with serving(keyboard) as server:
        page = opened(f"http://127.0.0.1:{server.server_port}/")
        page.fill("#text", "the")
        copied = measured(page)
        is_of_these_models(page, keyboard, copied, "WebAssembly SIMD")
        page.click("#send")
        page.wait_for_function("() => find('sent').textContent.includes('Sent')")
        assert server.received == 1
    assert readback.last_received(keyboard).strip() == copied.strip()
    page.click("#send")
    page.wait_for_function("() => find('sent').textContent.includes('no longer serves this page')")


def test_without_webassembly_a_file_measures_the_same_models(opened, keyboard):
    page = opened(before="delete window.WebAssembly")
    page.fill("#text", "the")
    is_of_these_models(page, keyboard, measured(page), "JavaScript")
    assert page.is_hidden("#send")  # there is nobody to send it to


def test_a_changed_weight_is_flagged(opened, keyboard, tmp_path):
    given, changed = write.given_to(keyboard), tmp_path / "changed.html"
    model = given["models"]["LSTM"]
    stored = model["tensors"]["weight_hh_l1"]
    weights = bytearray(base64.b64decode(stored["int8"]))
    weights[7] = (weights[7] + 64) % 256  # one weight
    stored["int8"] = base64.b64encode(weights).decode()
    changed.write_text(write.filled(given), encoding="utf-8")
    page = opened(changed.as_uri())
    text = measured(page)
    assert (
        page.inner_text("#verdict")
        == "The page does not compute the same as the notebook for: LSTM."
    )
    table, device = readback.device_table(text, write.given_to(keyboard))
    assert "did not compute the same as the notebook (LSTM)" in readback.what_it_shows(
        table, device
    )


@pytest.mark.parametrize("before", ["", "delete window.WebAssembly"], ids=["SIMD", "JavaScript"])
def test_models_of_any_size_are_computed_too(opened, namespace, to_type, tmp_path, before):
    sizes = {"RNN": (10, 7, 1), "LSTM": (16, 33, 3), "GRU": (1, 1, 2)}
    models = {
        name: namespace[f"Char{name}"](len(to_type[-1]), *size, 0) for name, size in sizes.items()
    }
    models["GRU"].rnn = nn.GRU(1, 1, 2, bias=False, batch_first=True)
    models["GRU"].output = nn.Linear(1, len(to_type[-1]), bias=False)
    path = phone.write_keyboard(models, *to_type[1:], tmp_path)
    page = opened(path.as_uri(), before)
    for name in models:
        found = page.evaluate("async (name) => await compare(name)", name)
        expected = write.given_to(path)["perplexities"][name]
        assert found["perplexity"] == pytest.approx(expected, rel=1e-4) and found["apart"] <= 1e-4


def test_it_is_light_or_dark_as_the_device_is(opened):
    (ROOT / "exported").mkdir(exist_ok=True)
    brightness = {}
    for scheme in ("light", "dark"):
        page = opened(scheme=scheme)
        page.fill("#text", "the quick br")
        picture = ROOT / "exported" / f"keyboard-{scheme}.png"
        page.screenshot(path=picture)
        brightness[scheme] = plt.imread(picture)[..., :3].mean()
    assert brightness["dark"] < 0.4 < 0.7 < brightness["light"]
