"""TODO 4, 6, 7, 9 and 10: the numbers and texts of a notebook, as plain data."""

import copy

import pandas as pd
import torch
from torch import nn

import helpers
from helpers import describe
from lab import memory
from lab.ask import Raised, plain, run, simple


def _models(given, windows):
    # Return the weights of trained models by name, and the logits of each for some windows. Words
    # stand for a value that is not a dict, and for a value in it that is not a model.
    if not isinstance(given, dict):
        return describe(given)
    return {simple(name): _model(model, windows) for name, model in given.items()}


@torch.no_grad()
def _model(model, windows):
    if not isinstance(model, nn.Module):
        return describe(model)
    model = copy.deepcopy(model).cpu().eval()
    windows = windows[:8].cpu() if torch.is_tensor(windows) else None
    output = run("model(X)", model, windows) if windows is not None else None
    logits = output[0] if isinstance(output, (tuple, list)) and output else output
    return {
        "class": type(model).__name__,
        "weights": [plain(p) for p in model.parameters()],
        "logits": plain(output if isinstance(output, Raised) else logits),
        "windows": plain(windows),
    }


def samples(given, prompt, trained, char2idx):
    """Return the facts on TODO 6."""
    letters = torch.arange(len(char2idx)) if isinstance(char2idx, dict) else torch.arange(1)
    return {
        "samples": simple(given, depth=2),
        "prompt": simple(prompt),
        "models": _models(trained, letters[None]),
    }


def table_facts(given):
    """Return a table with a column Model as {"columns": names, "rows": lists}, or words."""
    if not isinstance(given, pd.DataFrame):
        return describe(given)
    table = given if "Model" in given else given.rename_axis("Model").reset_index()
    rows = [list(map(simple, row)) for row in table.to_numpy(dtype=object).tolist()]
    return {"columns": list(map(str, table.columns)), "rows": rows}


def performance(given, trained, metrics, test_X):
    """Return the facts on TODO 7. ``speeds`` are milliseconds for one window, measured now."""
    given_models = trained.items() if isinstance(trained, dict) else ()
    return {
        "table": table_facts(given),
        "models": _models(trained, test_X),
        "metrics": simple(metrics, depth=2),
        "speeds": {
            name: _speed(model, test_X)
            for name, model in given_models
            if isinstance(model, nn.Module)
        },
    }


def _speed(model, windows):
    on_cpu = copy.deepcopy(model).cpu()
    call, measure = "measure_inference_speed(model, test_X[:1])", helpers.measure_inference_speed
    return run(call, measure, on_cpu, windows[:1], 10)


def span_facts(given, classes):
    """Return the facts on TODO 9: for each name, the span and its settings.

    A plain number counts as the last measured span of the class of that name, if both are equal.
    """
    if not isinstance(given, dict):
        return describe(given)
    return {simple(name): _span(span, classes.get(name)) for name, span in given.items()}


def _span(span, model_class):
    of_class = (s for s in reversed(memory.measured) if s.setting.model == model_class)
    equal = (s for s in of_class if s == simple(span))
    measured = span if hasattr(span, "setting") else next(equal, None)
    if measured is None:
        return {"span": simple(span), "measured": False}
    weights = {"first": measured.first, "taught": measured.taught}
    return {"span": int(measured), "measured": True} | measured.setting._asdict() | weights


def decision(misses, recommendation, evidence, paragraph, measured, spans):
    """Return the facts on TODO 10."""
    return {
        "misses": simple(misses, depth=1),
        "name": simple(recommendation),
        "evidence": simple(evidence, depth=1),
        "paragraph": paragraph if isinstance(paragraph, str) else describe(paragraph),
        "table": table_facts(measured),
        "spans": simple(spans, depth=1),
    }
