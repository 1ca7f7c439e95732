"""Two roles who talk until the critic is content.

The model is scripted, so that this runs without a key; put model="openai:gpt-5-mini" in its place and the rest stays.

Prints:
    Goal {'text': 'a teapot that never drips'}
    Pitch {'text': 'A teapot.'}
    Review {'approved': False, 'notes': 'Which teapot?'}
    Pitch {'text': 'The teapot that never drips.'}
    Review {'approved': True, 'notes': 'Better.'}
    success: True
    calls: 4
"""

from metagpt import Goal, Message, Role, Team, on
from metagpt.testing import ScriptedModel, data


class Pitch(Message):
    text: str


class Review(Message):
    approved: bool
    notes: str


class Writer(Role):
    """A copywriter. You write one-line product pitches."""

    @on(Goal)
    async def pitch(self, goal: Goal) -> Pitch:
        return await self.ask(Pitch, "Write a pitch for: {{ goal.text }}", goal=goal)

    @on(Review, when=lambda review: not review.approved, limit=3)
    async def revise(self, review: Review) -> Pitch:
        return await self.ask(Pitch, "Rewrite the pitch. Notes: {{ review.notes }}", review=review)


class Critic(Role):
    """A strict critic."""

    @on(Pitch)
    async def review(self, pitch: Pitch) -> Review:
        return await self.ask(Review, "Review this pitch: {{ pitch.text }}", pitch=pitch)


SCRIPT = {
    "writer": [data(Pitch(text="A teapot.")), data(Pitch(text="The teapot that never drips."))],
    "critic": [data(Review(approved=False, notes="Which teapot?")), data(Review(approved=True, notes="Better."))],
}

if __name__ == "__main__":
    with ScriptedModel(SCRIPT) as model:
        team = Team([Writer(), Critic()], final=Review, success=lambda review: review.approved, model=model)
        run = team.run_sync("a teapot that never drips")
    for message in run.messages:
        print(type(message).__name__, message.model_dump())
    print("success:", run.success)
    print("calls:", run.usage.calls)
