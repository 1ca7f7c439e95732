"""Steps on lists of words and dictionaries that people like to ask for."""

from metagpt.lab.embedded.primitive import Primitive

__all__ = ["PRIMITIVES"]

PRIMITIVES: tuple[Primitive, ...] = (
    Primitive(
        id="group_by_first_letter",
        takes="list[str]",
        gives="dict[str, list[str]]",
        step="group the words by their first letter",
        code="_group_by_first({x})",
        helper=(
            "def _group_by_first(words: list[str]) -> dict[str, list[str]]:\n"
            "    groups: dict[str, list[str]] = {}\n"
            "    for word in words:\n"
            "        groups.setdefault(word[:1], []).append(word)\n"
            "    return groups\n"
        ),
        do=(
            "group the words by their first letter",
            "sort them into groups by initial",
            "make a dictionary from each first letter to its words",
            "put words with the same initial together",
            "bucket the words by the letter they start with",
        ),
        np=(
            "the words of {x} grouped by their first letter",
            "a dictionary of {x} by initial",
            "{x} grouped by the letter each starts with",
            "groups of the words in {x} that share a first letter",
        ),
        name=("group_by_first_letter", "group_by_initial", "by_initial"),
    ),
    Primitive(
        id="count_capitalised_words_in_list",
        takes="list[str]",
        gives="int",
        step="count the words that begin with a capital",
        code="sum(w[:1].isupper() for w in {x})",
        do=(
            "count the words that begin with a capital",
            "say how many are capitalised",
            "find the number of words with an upper-case first letter",
            "tell how many start with a capital letter",
        ),
        np=(
            "the number of capitalised words in {x}",
            "how many words of {x} begin with a capital",
            "the count of words in {x} starting with an upper-case letter",
        ),
        name=("count_capitalised", "num_capitalised"),
    ),
    Primitive(
        id="remove_word",
        takes="list[str]",
        gives="list[str]",
        step="remove the word {w}",
        code="[t for t in {x} if t != {w}]",
        do=("remove the word {w}", "drop every {w} from the list", "take {w} out", "leave out all entries that are {w}", "filter out {w}"),
        np=("{x} without the word {w}", "{x} with every {w} removed", "the entries of {x} other than {w}"),
        name=("remove_word", "without_word"),
        slots={
            "w": (
                '"the"',
                '"apple"',
                '"cat"',
                '"none"',
                '"todo"',
            )
        },
    ),
    Primitive(
        id="replace_word",
        takes="list[str]",
        gives="list[str]",
        step="replace the word {a} with {b}",
        code="[{b} if t == {a} else t for t in {x}]",
        do=("replace the word {a} with {b}", "change every {a} to {b}", "put {b} where {a} is", "swap {a} for {b}"),
        np=("{x} with {a} replaced by {b}", "{x} with {b} instead of {a}", "{x} with every {a} changed to {b}"),
        name=("replace_word", "swap_word"),
        slots={
            "a": (
                '"cat"',
                '"red"',
                '"no"',
                '"old"',
            ),
            "b": (
                '"dog"',
                '"blue"',
                '"yes"',
                '"new"',
            ),
        },
    ),
    Primitive(
        id="index_of_word",
        takes="list[str]",
        gives="int",
        step="find the position of the word {w}, or -1",
        code="{x}.index({w}) if {w} in {x} else -1",
        do=(
            "find the position of the word {w}, or -1",
            "get the index of {w}, -1 if it is missing",
            "say where {w} stands in the list, else -1",
        ),
        np=("the position of {w} in {x}, or -1", "the index of {w} in {x}, -1 if missing", "where {w} stands in {x}, else -1"),
        name=("index_of_word", "find_word"),
        slots={
            "w": (
                '"cat"',
                '"apple"',
                '"the"',
                '"total"',
            )
        },
    ),
    Primitive(
        id="count_word",
        takes="list[str]",
        gives="int",
        step="count how often the word {w} occurs",
        code="{x}.count({w})",
        do=(
            "count how often the word {w} occurs",
            "say how many times {w} is in the list",
            "find the number of times {w} appears",
            "tell how often {w} occurs",
        ),
        np=("how often {w} occurs in {x}", "the number of times {w} appears in {x}", "the count of {w} in {x}"),
        name=("count_word", "occurrences_of"),
        slots={
            "w": (
                '"cat"',
                '"apple"',
                '"the"',
                '"yes"',
            )
        },
    ),
    Primitive(
        id="all_start_capital",
        takes="list[str]",
        gives="bool",
        step="check whether all words begin with a capital",
        code="all(w[:1].isupper() for w in {x})",
        do=(
            "check whether all words begin with a capital",
            "test if every word is capitalised",
            "say whether each one starts with an upper-case letter",
        ),
        np=(
            "whether all words in {x} begin with a capital",
            "if every word of {x} is capitalised",
            "whether each of {x} starts with a capital letter",
        ),
        name=("all_capitalised", "all_start_upper"),
    ),
    Primitive(
        id="sort_by_vowels",
        takes="list[str]",
        gives="list[str]",
        step="sort the words by their number of vowels",
        code='sorted({x}, key=lambda w: sum(c in "aeiouAEIOU" for c in w))',
        do=(
            "sort the words by their number of vowels",
            "order them by how many vowels they have",
            "put words with fewer vowels first",
            "arrange the words by vowel count",
        ),
        np=("the words of {x} sorted by number of vowels", "{x} ordered by vowel count", "{x} with the words of fewer vowels first"),
        name=("sort_by_vowels", "by_vowel_count"),
    ),
    Primitive(
        id="sort_length_then_alphabet",
        takes="list[str]",
        gives="list[str]",
        step="sort the words by length, then alphabetically",
        code="sorted({x}, key=lambda w: (len(w), w))",
        do=(
            "sort the words by length, then alphabetically",
            "order them shortest first and equal lengths alphabetically",
            "arrange them by length with ties in alphabetical order",
            "put short words first, words of the same length from a to z",
        ),
        np=(
            "the words of {x} sorted by length, then alphabetically",
            "{x} with the shortest first and ties in alphabetical order",
            "{x} ordered by length and then by the alphabet",
        ),
        name=("sort_length_alpha", "by_length_then_name"),
    ),
    Primitive(
        id="remove_vowels_each",
        takes="list[str]",
        gives="list[str]",
        step="remove the vowels from each word",
        code='["".join(c for c in w if c.lower() not in "aeiou") for w in {x}]',
        do=("remove the vowels from each word", "take the vowels out of every word", "strip the vowels from all words"),
        np=("the words of {x} without their vowels", "{x} with the vowels removed from each word", "each word of {x} minus its vowels"),
        name=("without_vowels", "remove_vowels_each"),
    ),
    Primitive(
        id="letters_per_word",
        takes="list[str]",
        gives="list[str]",
        step="write each word with its length",
        code='[f"{w}: {len(w)}" for w in {x}]',
        do=(
            "write each word with its length, as cat: 3",
            "put a colon and its length after every word",
            "list the words with how many letters each has",
        ),
        np=("the words of {x} each with its length", "each word of {x} followed by a colon and its length", "{x} written like cat: 3"),
        name=("words_with_length", "label_lengths"),
    ),
    Primitive(
        id="words_with_double_letters",
        takes="list[str]",
        gives="list[str]",
        step="keep the words with a double letter",
        code="[w for w in {x} if any(a == b for a, b in zip(w, w[1:]))]",
        do=(
            "keep the words with a double letter",
            "pick the words in which a letter stands twice in a row",
            "find words such as letter or book with doubled letters",
        ),
        np=(
            "the words in {x} with a double letter",
            "those of {x} in which a letter stands twice in a row",
            "all words of {x} with doubled letters",
        ),
        name=("double_letters", "with_double_letter"),
    ),
    Primitive(
        id="join_with",
        takes="list[str]",
        gives="str",
        step="join the words with {sep}",
        code="{sep}.join({x})",
        do=(
            "join the words with {sep}",
            "put {sep} between them",
            "glue them together with {sep}",
            "concatenate them with {sep} between",
            "combine the words separated by {sep}",
        ),
        np=("the words of {x} joined with {sep}", "{x} joined by {sep}", "{x} as one text with {sep} between the words"),
        name=("join_with", "joined"),
        slots={
            "sep": (
                '";"',
                '" | "',
                '"-"',
                '"/"',
                '" + "',
                '":"',
            )
        },
    ),
    Primitive(
        id="middle_word",
        takes="list[str]",
        gives="str",
        step="take the word in the middle",
        code="{x}[len({x}) // 2]",
        do=("take the word in the middle", "get the middle entry", "return what stands in the middle of the list"),
        np=("the middle word of {x}", "the entry in the middle of {x}", "the word at the centre of {x}"),
        name=("middle_word", "centre_word"),
    ),
    Primitive(
        id="swap_keys_start",
        takes="dict[str, int]",
        gives="dict[str, int]",
        step="keep the entries whose key begins with {p}",
        code="{k: v for k, v in {x}.items() if k.startswith({p})}",
        do=(
            "keep the entries whose key begins with {p}",
            "pick the entries with keys starting with {p}",
            "filter the dictionary for keys that begin with {p}",
            "drop every entry whose key doesn't start with {p}",
        ),
        np=(
            "the entries of {x} whose key begins with {p}",
            "{x} with only the keys starting with {p}",
            "those entries of {x} that have a key beginning with {p}",
        ),
        name=("keys_starting_with", "filter_keys"),
        slots={
            "p": (
                '"a"',
                '"b"',
                '"s"',
                '"un"',
                '"x"',
            )
        },
    ),
    Primitive(
        id="count_values_over",
        takes="dict[str, int]",
        gives="int",
        step="count the values over {n}",
        code="sum(v > {n} for v in {x}.values())",
        do=(
            "count the values over {n}",
            "say how many entries have more than {n}",
            "find the number of entries with a value above {n}",
            "tell how many values exceed {n}",
        ),
        np=(
            "the number of values over {n} in {x}",
            "how many entries of {x} have more than {n}",
            "the count of entries in {x} with a value above {n}",
        ),
        name=("count_values_over", "entries_above"),
        slots={
            "n": (
                "0",
                "5",
                "10",
                "50",
                "100",
            )
        },
    ),
    Primitive(
        id="value_range_of_dict",
        takes="dict[str, int]",
        gives="int",
        step="find the difference between the highest and the lowest value",
        code="max({x}.values()) - min({x}.values())",
        do=(
            "find the difference between the highest and the lowest value",
            "compute the spread of the values",
            "say how far apart the largest and smallest values are",
        ),
        np=(
            "the difference between the highest and the lowest value in {x}",
            "the spread of the values of {x}",
            "how far apart the extremes of {x} are",
        ),
        name=("value_spread", "dict_range"),
    ),
    Primitive(
        id="keys_with_value",
        takes="dict[str, int]",
        gives="list[str]",
        step="list the keys with the value {n}",
        code="[k for k, v in {x}.items() if v == {n}]",
        do=(
            "list the keys with the value {n}",
            "find which keys have exactly {n}",
            "collect the names whose value is {n}",
            "give all keys that map to {n}",
        ),
        np=("the keys of {x} with the value {n}", "the names in {x} that have exactly {n}", "all keys in {x} that map to {n}"),
        name=("keys_with_value", "names_with"),
        slots={
            "n": (
                "0",
                "1",
                "2",
                "5",
                "10",
            )
        },
    ),
    Primitive(
        id="longest_key",
        takes="dict[str, int]",
        gives="str",
        step="find the longest key",
        code="max({x}, key=len)",
        do=("find the longest key", "get the key with the most letters", "return the longest name in the dictionary"),
        np=("the longest key of {x}", "the key in {x} with the most letters", "the longest name in {x}"),
        name=("longest_key", "longest_name"),
    ),
    Primitive(
        id="double_values",
        takes="dict[str, int]",
        gives="dict[str, int]",
        step="add {n} to each value of the dictionary",
        code="{k: v + {n} for k, v in {x}.items()}",
        do=(
            "add {n} to each value of the dictionary",
            "raise every value by {n}",
            "increase all the values by {n}",
            "give every entry {n} more",
        ),
        np=("{x} with {n} added to each value", "{x} with every value raised by {n}", "{x} after increasing all values by {n}"),
        name=("raise_values", "add_to_each_value"),
        slots={
            "n": (
                "1",
                "5",
                "10",
                "100",
            )
        },
    ),
)
