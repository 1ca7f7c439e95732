"""A list opens a branch per item; a gather hears all results once, in the order of the items. No model is needed.

Prints:
    3 reports, 6 words each on average
    first: lighthouse
"""

from metagpt import Goal, Message, Role, Team, on


class Article(Message):
    title: str
    text: str


class Count(Message):
    title: str
    words: int


class Summary(Message):
    text: str


class Librarian(Role):
    """Finds the articles, and sums up what was counted."""

    @on(Goal)
    async def find(self, goal: Goal) -> list[Article]:
        shelf = {
            "lighthouse": "a tower that warns ships",
            "teapot": "a pot with a spout, for tea, of course",
            "kite": "it flies on a string",
        }
        return [Article(title=title, text=text) for title, text in shelf.items()]

    @on(list[Count])
    async def sum_up(self, counts: list[Count]) -> Summary:
        mean = sum(count.words for count in counts) // len(counts)
        return Summary(text=f"{len(counts)} reports, {mean} words each on average\nfirst: {counts[0].title}")


class Counter(Role):
    """Counts words, four articles at a time."""

    @on(Article, concurrency=4)
    async def count(self, article: Article) -> Count:
        return Count(title=article.title, words=len(article.text.split()))


if __name__ == "__main__":
    run = Team([Librarian(), Counter()], final=Summary).run_sync("how long are our articles?")
    print(run.output.text)
