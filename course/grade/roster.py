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
import re
import unicodedata
from typing import NamedTuple

from course.bundle import NAME
from course.grade import table

HEADER = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", NAME]
GRADED = ("graded", "stopped")  # the verdicts with points
REMEDY = "put the roster's id in its name."


class Person(NamedTuple):
    """One line of a roster."""

    id: str
    name: str
    email: str


def read(path):
    """Return the people of a roster, by their ids.

    Raises table.Unusable for a file without these columns, or with an id that is empty or twice in
    it, and OSError for one that cannot be read.
    """
    names, rows = table.rows(path.read_bytes(), path)
    columns = {name.strip().casefold().replace("-", ""): name for name in names if name}
    if missing := [field for field in Person._fields if field not in columns]:
        raise table.Unusable(
            f"{path} has no column {' or '.join(missing)}: a roster has id, name and e-mail."
        )
    people = {}
    for number, row in enumerate(rows, 2):
        person = Person(*(row[columns[field]].strip() for field in Person._fields))
        if not person.id or person.id in people:
            raise table.Unusable(
                f"{path} has {person.id!r} in line {number}: each person there has an id, once."
            )
        people[person.id] = person
    return people


def people_of(submission, people):
    """Return those of some people whose submission this may be, by its name: one, if all is well.

    A path part that is nothing but an id or an address decides; else all who are named in it count.
    """
    parts = {part.casefold() for part in submission.split("/")}
    sure = [p for p in people if parts & {p.id.casefold(), *_addresses(p)}]
    if sure:
        return sure
    words = _words(submission)
    return [p for p in people if any(_within(_words(k), words) for k in (p.id, *_addresses(p)))
            or _named(_words(p.name), words)]  # fmt: skip


def _addresses(person):
    address = person.email.casefold()
    return {address, address.partition("@")[0]} - {""}


def _words(text):
    """Return the words and numbers of a text, without case, accents or what stands between."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return re.findall(r"[^\W_]+", plain)


def _within(some, words):
    """Return whether some words stand in a row among others."""
    return bool(some) and any(
        words[i : i + len(some)] == some for i in range(len(words) - len(some) + 1)
    )


def _named(name, words):
    """Return whether a name's words are all there, or one word is the name in one piece."""
    turns = {"".join(name[i:] + name[:i]) for i in range(len(name))}
    return bool(name) and (set(name) <= set(words) or bool(turns & set(words)))


def join(rows, people):
    """Give rows of grades.csv the id, name and e-mail of their people; return what to tell of it.

    That is a list of sentences: who has handed in nothing, or more than one thing, and what is
    nobody's, or may be somebody else's too.
    """
    said, theirs, perhaps = [], collections.defaultdict(list), set()
    for name, row in rows.items():
        found = people_of(name, people.values())
        person = found[0] if len(found) == 1 else Person("", "", "")
        row |= {"id": person.id, "name": person.name, "e-mail": person.email}
        theirs[person.id].append(name)
        if len(found) > 1:
            ids = [person.id for person in found]
            perhaps.update(ids)
            said.append(f"{name} may be {' or '.join(ids)}: {REMEDY}")
        elif not found:
            said.append(f"{name} is nobody's on the roster: {REMEDY}")
    for person in people.values():
        names = theirs[person.id]
        if not names:
            surely = "nothing is surely theirs" if person.id in perhaps else "nothing was handed in"
            said.append(f"{person.id}, {person.name}: {surely}.")
        elif len(names) > 1:
            said.append(f"{person.id}, {person.name}, has no grade: {len(names)} were handed in, "
                        f"{', '.join(names)}: leave one.")  # fmt: skip
        elif (row := rows[names[0]])["verdict"] not in GRADED:
            said.append(f"{person.id}, {person.name}, has no grade: {row['verdict']}, "
                        f"{row['detail']}.")  # fmt: skip
    unmarked = [row for row in rows.values() if row["verdict"] in GRADED and row["paragraph"] == ""]
    if unmarked:
        said.append(f"Paragraphs without points: {len(unmarked)}. Enter them in paragraph.csv.")
    return said


def gradebook(rows, people):
    """Return a CSV, as bytes: a line for each person, with the total or nothing for a grade."""
    theirs = collections.defaultdict(list)
    for row in rows.values():
        theirs[row["id"]].append(row)
    lines = [table.line(dict(zip(HEADER, HEADER, strict=True)), HEADER)]
    for person in people.values():
        graded = [row["total"] for row in theirs[person.id] if row["verdict"] in GRADED]
        total = graded[0] if len(theirs[person.id]) == len(graded) == 1 else ""
        values = [person.name, "", person.id, person.email, "", total]
        lines.append(table.line(dict(zip(HEADER, values, strict=True)), HEADER))
    return b"".join(lines)
