"""Find the person of each submission, and write one CSV for a gradebook.

``--roster`` takes a CSV with the columns id, name and e-mail. A submission belongs to a person if a
folder or file in its path has as its name the person's id, e-mail address, or the part of the
address before the @. It also belongs to a person if one of these, or the person's name, is among
the words of its path: Canvas gives a file the name lovelaceada_12_34_exercise, and Moodle gives a
folder the name Ada Lovelace_12_assignsubmission_file.

gradebook.csv has the columns of Canvas's own export, because Canvas can import them again: Student,
ID, SIS User ID, SIS Login ID, Section, then the assignment (Canvas Instructor Guide, "How do I
import grades in the Gradebook?"). Canvas finds people by ID, or else by SIS User ID, SIS Login ID
or name, and it asks for the assignment. In Moodle you can map columns (docs.moodle.org, "Grade
import"): map SIS User ID to "ID number" or SIS Login ID to "Email address", and the assignment to
the grade item.
"""

import collections
import functools
import re
import unicodedata
from typing import NamedTuple

from course.bundle import NAME
from course.grade import table

HEADER = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", NAME]
GRADED = ("graded", "stopped")  # the verdicts with points


class Person(NamedTuple):
    """A person: one line of a roster."""

    id: str
    name: str
    email: str


def people_in(path):
    """Return the people of a roster, by their ids.

    Raises table.Unusable if a column is missing, or if an id is empty or occurs twice. Raises
    OSError if the file cannot be read.
    """
    names, rows = table.read_csv(path)
    columns = {name.strip().casefold().replace("-", ""): name for name in names}
    if missing := [field for field in Person._fields if field not in columns]:
        raise table.Unusable(
            f"{path} needs the columns id, name and e-mail. Missing: {', '.join(missing)}."
        )
    people = {}
    for number, row in enumerate(rows, 2):
        person = Person(*(row[columns[field]].strip() for field in Person._fields))
        if not person.id or person.id in people:
            raise table.Unusable(
                f"{path} has the id {person.id!r} in line {number}. Give each person an id that is "
                "not empty and that no other person has."
            )
        people[person.id] = person
    return people


def people_of(submission, people):
    """Return the people to whom a submission may belong, by its name; it should be one person.

    If a part of the path is exactly an id or an address, this person is the result. Otherwise the
    result has all people who are named in the path.
    """
    parts = {_words(part) for part in submission.split("/")}
    if sure := [person for person in people if parts & _keys(person)]:
        return sure
    words = _words(submission)
    return [p for p in people if any(key in words for key in _keys(p)) or _named(p, words)]


def _keys(person):
    """Return the texts that only one person has: id, address, and the address before the @."""
    keys = person.id, person.email, person.email.partition("@")[0]
    return {_words(key) for key in keys if key}


@functools.cache
def _words(text):
    """Return the words and numbers of a text between blanks, in lower case and without accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return " ".join(["", *re.findall(r"[^\W_]+", plain), ""])


def _named(person, words):
    """Return whether all words of a name are there, or one word is the name without blanks."""
    name, words = _words(person.name).split(), set(words.split())
    turns = {"".join(name[i:] + name[:i]) for i in range(len(name))}
    return bool(name) and (words.issuperset(name) or bool(turns & words))


def join(rows, people):
    """Write id, name and e-mail of people into rows of grades.csv; return (gradebook, said).

    The gradebook has a row for each person. It has the total, or an empty text if the person has no
    grade. ``said`` is a list of sentences on these cases: a submission that matches nobody or
    several people, a person without a grade (with the reason), paragraphs without points.
    """
    gradebook, said, theirs = [], [], collections.defaultdict(list)
    for name, row in rows.items():
        found = people_of(name, people.values())
        person = found[0] if len(found) == 1 else ("", "", "")
        row |= dict(zip(table.PERSON, person, strict=True))
        theirs[row[table.ID]].append(row)
        if len(found) != 1:
            ids = " or ".join(person.id for person in found)
            whose = f"may belong to {ids}" if ids else "does not match any person on the roster"
            said.append(f"{name} {whose}. Write one person's id into its name.")
    for person in people.values():
        total, why = _grade(theirs[person.id])
        line = person.name, "", person.id, person.email, "", total
        gradebook.append(dict(zip(HEADER, line, strict=True)))
        if why:
            said.append(f"{person.id}, {person.name}, does not get a grade: {why}.")
    unmarked = sum(r[table.VERDICT] in GRADED and r[table.PARAGRAPH] == "" for r in rows.values())
    if unmarked:
        said.append(
            f"Paragraphs without points: {unmarked}. Write their points into paragraph.csv."
        )
    return gradebook, said


def _grade(rows):
    """Return (total, None) for a person, or (empty text, the reason why there is no grade)."""
    if not rows:
        return "", "we did not find a submission of this person"
    if len(rows) > 1:
        names = ", ".join(row[table.SUBMISSION] for row in rows)
        return "", f"there are {len(rows)} submissions ({names}), so keep only one of them"
    (row,) = rows
    if row[table.VERDICT] not in GRADED:
        return "", f"{row[table.VERDICT]}, {row[table.DETAIL]}"
    return row[table.TOTAL], None
