"""The debate team: two sides argue a motion, and a judge decides when enough is said."""

from metagpt.roles.debate.messages import Case, Reply, Round, Speech, Verdict
from metagpt.roles.debate.team import Judge, Opponent, Proponent, debate_team

__all__ = ["Case", "Judge", "Opponent", "Proponent", "Reply", "Round", "Speech", "Verdict", "debate_team"]
