"""Random arguments with several values under one name: dictionaries of lists, records, and texts that hold such."""

import random

__all__ = [
    "csv_lines",
    "csv_text",
    "file_names",
    "groups",
    "groups_by_initial",
    "named_numbers",
    "people",
    "readings",
    "records",
    "repeated_pairs",
    "scores",
]

PEOPLE = ("Ann", "Bob", "Cem", "Dora", "Eve", "Finn")
CITIES = ("Oslo", "Rome", "Lima", "Paris")
THINGS = (
    "apple",
    "ant",
    "bread",
    "bee",
    "cat",
    "cloud",
    "door",
    "egg",
    "lamp",
    "lemon",
    "moon",
    "mouse",
    "rice",
    "salt",
    "sun",
    "tea",
    "tree",
    "water",
)
FIELDS: dict[str, tuple[str, ...]] = {
    "name": PEOPLE,
    "city": CITIES,
    "age": ("18", "24", "31", "45", "67"),
    "id": ("1", "2", "7", "12", "40"),
    "email": ("ann@mail.org", "bob@work.org", "eve@mail.org"),
    "title": ("Dune", "Emma", "Ivanhoe", "Sula"),
    "colour": ("red", "blue", "green"),
    "price": ("2.50", "9.99", "14.00"),
    "country": ("Norway", "Italy", "Peru"),
    "team": ("red", "blue", "north"),
}
"""What records may hold, and its values."""


def scores(rng: random.Random) -> dict[str, list[int]]:
    """Each list has a number, so that it has a mean and a best one."""
    return {name: [rng.randint(0, 20) for _ in range(rng.randint(1, 4))] for name in rng.sample(PEOPLE, rng.randint(2, 4))}


def readings(rng: random.Random) -> dict[str, list[int]]:
    """Some of them negative, some of one key alone."""
    return {rng.choice(THINGS): [rng.randint(-5, 99) for _ in range(rng.randint(1, 5))] for _ in range(rng.randint(1, 4))}


def groups(rng: random.Random) -> dict[str, list[str]]:
    """Things that share nothing, and may come twice."""
    return {rng.choice(THINGS): [rng.choice(THINGS) for _ in range(rng.randint(1, 3))] for _ in range(rng.randint(1, 3))}


def groups_by_initial(rng: random.Random) -> dict[str, list[str]]:
    """As an index of words has them."""
    chosen = rng.sample(THINGS, rng.randint(2, 7))
    return {letter: [word for word in chosen if word[0] == letter] for letter in dict.fromkeys(word[0] for word in chosen)}


def people(rng: random.Random) -> list[dict[str, str]]:
    """Short records with the fields that most people think of."""
    fields = rng.sample(("name", "city", "age"), rng.randint(1, 2))
    return [{key: rng.choice(FIELDS[key]) for key in fields} for _ in range(rng.randint(1, 3))]


def records(rng: random.Random) -> list[dict[str, str]]:
    """Records with every field that a step may speak of."""
    fields = rng.sample(sorted(FIELDS), len(FIELDS))
    return [{key: rng.choice(FIELDS[key]) for key in fields} for _ in range(rng.randint(2, 5))]


def csv_text(rng: random.Random) -> str:
    """A header and a line for each record."""
    rows = records(rng) if rng.random() < 0.7 else people(rng)
    return "\n".join([",".join(rows[0]), *(",".join(row.values()) for row in rows)]) + rng.choice(("", "", "\n"))


def csv_lines(rng: random.Random) -> list[str]:
    """The same as a list."""
    return csv_text(rng).splitlines()


def named_numbers(rng: random.Random) -> list[str]:
    """Lines as `Ann: 3`, with names that come again."""
    names = rng.sample(PEOPLE, 2)
    return [f"{rng.choice(names)}:{rng.choice(('', '', ' '))}{rng.randint(0, 20)}" for _ in range(rng.randint(2, 5))]


def repeated_pairs(rng: random.Random) -> list[str]:
    """Lines as `team=red`, with keys that come again."""
    keys = rng.sample(("team", "colour", "city", "name"), 2)
    return [f"{(key := rng.choice(keys))}={rng.choice(FIELDS[key])}" for _ in range(rng.randint(2, 4))]


def file_names(rng: random.Random) -> list[str]:
    """With a few endings, or none."""
    return [f"{rng.choice(THINGS)}{rng.choice(('.txt', '.txt', '.py', '.jpg', '.csv', ''))}" for _ in range(rng.randint(2, 5))]
