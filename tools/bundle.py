"""Pack what students get, without the solution.

    python -m tools.bundle    write exported/exercise.zip

The archive unpacks into one folder, ``rnn-lstm-gru``. The same files always give the same bytes.
"""

import sys
import zipfile

from tools.make_exercise import EXERCISE, ROOT

BUNDLE = ROOT / "exported" / "exercise.zip"


def supplies():
    """Return the files that the exercise needs beside the notebook, relative to the checkout.

    Those are all modules at the top level, data/, the requirements of students and the licences.
    """
    found = [*ROOT.glob("*.py"), *(ROOT / "data").rglob("*"), *ROOT.glob("LICENSE*")]
    found += [ROOT / "requirements.txt", ROOT / "requirements-onnx.txt"]
    return sorted(path.relative_to(ROOT) for path in found if path.is_file())


def write(path=BUNDLE):
    """Write the archive and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in [EXERCISE.relative_to(ROOT), *supplies()]:
            entry = zipfile.ZipInfo(f"rnn-lstm-gru/{name.as_posix()}")  # dated 1980, as all are
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, (ROOT / name).read_bytes())
    return path


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(__doc__)
    print(write())
