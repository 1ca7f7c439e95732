"""Roles and teams that stand in a TOML or Markdown file: read and checked as data, never run as code.

A team's file, in TOML; a role's file has the keys of one role at its top, and may have `name` and `[messages]`:

    name, description, model, memory, seed     start, final, success      texts; final may be "A | B", success "review.approved"
    [messages.Review]                          approved = "bool", level = ["low", "high"],
                                               notes = {type = "list[str]", default = [], description = "…"}
    [roles.critic]                             persona, model, memory, actions;  or file = "critic.md";  or use = "engineer"
    [roles.critic.handlers.review]             hears = "Pitch", says = "Review", prompt = "Review this: {{ pitch.text }}"
    [models] [budget] [policy]                 as in metagpt.toml, a model's reference being the whole of its line

`hears` is `A`, `A | B`, `A, B` or `list[A]`; `says` is `A`, `A | B`, `list[A]` or `A | None`. More keys of a handler: when,
limit, keep, concurrency, retry (as in `@on`), approve (true, or how long a person may take and what counts then:
`{seconds = 3600, default = "approve"}` or `"reject: NOTE"`), to (role names, or "sender"), tools (true, or names of the role's
actions), temperature, top_p, max_tokens, seed, stop, max_rounds. A prompt is Jinja text without calls; it knows each heard
message by its type's name in snake_case, and what a `list[A]` gathers as `messages`.

In Markdown the same keys stand as YAML between two lines of `---`; below them a role has its persona and, under each heading
`## review: Pitch -> Review`, a prompt. A team has `## critic` above a role's persona and `### review: Pitch -> Review` above a prompt.
"""

from metagpt.from_file.roles import RolePlan, is_role_file, read_role
from metagpt.from_file.teams import TeamPlan, fingerprint, read_team

__all__ = ["RolePlan", "TeamPlan", "fingerprint", "is_role_file", "read_role", "read_team"]
