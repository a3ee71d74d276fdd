"""Put the figures of the executed solution into README.md, so that nobody types them.

    python tools/make_readme.py           write README.md and docs/results.png
    python tools/make_readme.py --check   write nothing; exit 1 when they differ

What stands between ``<!-- results -->`` and ``<!-- /results -->`` in README.md is replaced.
"""

import argparse
import base64
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README, PICTURE = ROOT / "README.md", ROOT / "docs" / "results.png"


def results():
    """Return (Markdown, PNG bytes): machine and performance table, and the learning curves."""
    cells = json.loads((ROOT / "solution.ipynb").read_text(encoding="utf-8"))["cells"]
    outputs = {cell["id"]: cell["outputs"] for cell in cells if cell["cell_type"] == "code"}
    machine = re.search(r"\((.*)\)", "".join(outputs["setup"][0]["text"]))[1]
    header, *rows = "".join(outputs["performance-table"][0]["data"]["text/plain"]).splitlines()
    rows = [row for row in rows if len(row.split()) > 1]  # less the line of the index's name
    lines = ["| one run of the solution | " + " | ".join(header.split()[1:]) + " |"]
    lines.append("|---" + "|---:" * (lines[0].count("|") - 2) + "|")
    lines += [f"| {' | '.join(re.split(r'  +', row.strip()))} |" for row in rows]
    spans = "".join("".join(output.get("text", "")) for output in outputs["memory-spans"])
    found = dict(re.findall(r"Char(\w+): .*?(\d+) characters", spans))
    lines.append("| Memory Span (characters) | " + " | ".join(found.values()) + " |")
    lines += ["", f"Corpus: the bundled sample. Machine: {machine}."]
    png = next(o["data"]["image/png"] for o in outputs["learning-curves"] if "data" in o)
    return "\n".join(lines), base64.b64decode("".join(png))


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="exit 1 when something differs")
    check = parser.parse_args(arguments).check
    markdown, png = results()
    old = README.read_text(encoding="utf-8")
    block = f"<!-- results -->\n{markdown}\n<!-- /results -->"
    new = re.sub(r"<!-- results -->.*<!-- /results -->", lambda _: block, old, flags=re.S)
    if not check:
        PICTURE.parent.mkdir(exist_ok=True)
        PICTURE.write_bytes(png)
        README.write_text(new, encoding="utf-8", newline="\n")
    elif new != old or not PICTURE.exists() or PICTURE.read_bytes() != png:
        sys.exit("README.md differs from solution.ipynb: run python tools/make_readme.py")


if __name__ == "__main__":
    main()
