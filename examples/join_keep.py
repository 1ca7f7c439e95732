"""A join hears one of each; `keep` holds one part and pairs it with every later partner. No model is needed.

The editor hears the style guide once and keeps it for every draft.

Prints:
    draft 1 breaks the rule of 3 words
    draft 2 breaks the rule of 3 words
    published: Tea without drips
"""

from metagpt import Goal, Message, Role, Team, on


class StyleGuide(Message):
    most_words: int


class Draft(Message):
    number: int
    text: str


class Notes(Message):
    draft: Draft
    text: str


class Article(Message):
    text: str


class Writer(Role):
    """Writes, and shortens when told to."""

    @on(Goal)
    async def write(self, goal: Goal) -> tuple[StyleGuide, Draft]:
        return StyleGuide(most_words=3), Draft(number=1, text=goal.text)

    @on(Notes, limit=5)
    async def shorten(self, notes: Notes) -> Draft:
        shorter = notes.draft.text.rsplit(" ", 1)[0]
        return Draft(number=notes.draft.number + 1, text=shorter)


class Editor(Role):
    """Publishes what keeps to the guide."""

    @on(StyleGuide, Draft, keep=StyleGuide)
    async def edit(self, guide: StyleGuide, draft: Draft) -> Notes | Article:
        if len(draft.text.split()) <= guide.most_words:
            return Article(text=draft.text)
        return Notes(draft=draft, text=f"draft {draft.number} breaks the rule of {guide.most_words} words")


if __name__ == "__main__":
    run = Team([Writer(), Editor()], final=Article).run_sync("Tea without drips at last")
    for message in run.messages:
        if isinstance(message, Notes):
            print(message.text)
    print("published:", run.output.text)
