"""Whose submission is whose, and one CSV for a gradebook.

``--roster`` names a CSV with the columns id, name and e-mail. A submission is a person's when a
folder or file in its path is named by the id, the e-mail address or the part before the @; or when
it has one of these, or the name, among its words: Canvas names a file lovelaceada_12_34_exercise,
Moodle a folder Ada Lovelace_12_assignsubmission_file.

The columns of gradebook.csv are those of Canvas's own export, which it reads again: Student, ID,
SIS User ID, SIS Login ID, Section, then the assignment (Canvas Instructor Guide, "How do I import
grades in the Gradebook?"; it finds people by ID, else by SIS User ID, SIS Login ID or name, and
asks which of its assignments is meant). Moodle lets one map columns (docs.moodle.org, "Grade
import"): SIS User ID to "ID number" or SIS Login ID to "Email address", the assignment to the grade
item.
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
    """One line of a roster."""

    id: str
    name: str
    email: str


def people_in(path):
    """Return the people of a roster, by their ids.

    Raises table.Unusable for a file without these columns, or with an id that is empty or twice in
    it, and OSError for one that cannot be read.
    """
    names, rows = table.read_csv(path)
    columns = {name.strip().casefold().replace("-", ""): name for name in names}
    if missing := [field for field in Person._fields if field not in columns]:
        raise table.Unusable(
            f"{path} has no column {' or '.join(missing)}: a roster has id, name and e-mail."
        )
    people = {}
    for number, row in enumerate(rows, 2):
        person = Person(*(row[columns[field]].strip() for field in Person._fields))
        if not person.id or person.id in people:
            raise table.Unusable(
                f"{path} has the id {person.id!r} in line {number}: give each person one id, which "
                "nobody else has."
            )
        people[person.id] = person
    return people


def people_of(submission, people):
    """Return those of some people whose submission this may be, by its name: one, if all is well.

    A path part that is nothing but an id or an address decides; else all who are named in it count.
    """
    parts = {_words(part) for part in submission.split("/")}
    if sure := [person for person in people if parts & _keys(person)]:
        return sure
    words = _words(submission)
    return [p for p in people if any(key in words for key in _keys(p)) or _named(p, words)]


def _keys(person):
    """Return what stands for one person only: the id and the address, whole and before the @."""
    keys = person.id, person.email, person.email.partition("@")[0]
    return {_words(key) for key in keys if key}


@functools.cache
def _words(text):
    """Return the words and numbers of a text between blanks, without case or accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return " ".join(["", *re.findall(r"[^\W_]+", plain), ""])


def _named(person, words):
    """Return whether all words of a name are there, or one word is the name in one piece."""
    name, words = _words(person.name).split(), set(words.split())
    turns = {"".join(name[i:] + name[:i]) for i in range(len(name))}
    return bool(name) and (words.issuperset(name) or bool(turns & words))


def join(rows, people):
    """Give rows of grades.csv the id, name and e-mail of their people; return (gradebook, said).

    The gradebook has a row for each person, with the total or, where there is no grade, nothing.
    Said are sentences: what is nobody's or may be one of several people's, who has no grade and
    why, and how many paragraphs have no points.
    """
    gradebook, said, theirs = [], [], collections.defaultdict(list)
    for name, row in rows.items():
        found = people_of(name, people.values())
        person = found[0] if len(found) == 1 else ("", "", "")
        row |= dict(zip(table.PERSON, person, strict=True))
        theirs[row[table.ID]].append(row)
        if len(found) != 1:
            ids = " or ".join(person.id for person in found)
            whose = f"may be {ids}" if ids else "is nobody's on the roster"
            said.append(f"{name} {whose}: put the roster's id in its name.")
    for person in people.values():
        total, why = _grade(theirs[person.id])
        line = person.name, "", person.id, person.email, "", total
        gradebook.append(dict(zip(HEADER, line, strict=True)))
        if why:
            said.append(f"{person.id}, {person.name}, has no grade: {why}.")
    unmarked = sum(r[table.VERDICT] in GRADED and r[table.PARAGRAPH] == "" for r in rows.values())
    if unmarked:
        said.append(f"Paragraphs without points: {unmarked}. Enter them in paragraph.csv.")
    return gradebook, said


def _grade(rows):
    """Return a person's total and None, or nothing and why there is no grade."""
    if not rows:
        return "", "nothing was found that is theirs"
    if len(rows) > 1:
        names = ", ".join(row[table.SUBMISSION] for row in rows)
        return "", f"{len(rows)} were handed in, {names}: leave one"
    (row,) = rows
    if row[table.VERDICT] not in GRADED:
        return "", f"{row[table.VERDICT]}, {row[table.DETAIL]}"
    return row[table.TOTAL], None
