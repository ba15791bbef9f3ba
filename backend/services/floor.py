"""The least that a job pays by the hour, held against it before it is funded."""

from collections.abc import Iterator
from dataclasses import dataclass

from backend.services.policies import Fault, Policies
from piecework.quality import fairness


@dataclass(frozen=True, slots=True)
class Floor:
    """The least that a coordinator's jobs pay an hour: base units of one token; 0 for nothing."""

    token: str
    hourly: int

    def faults(self, token: str, reward: int, said: Policies) -> Iterator[Fault]:
        """What is wrong with a job's pay by the hour: by this floor, where it pays in this token, and by the one that it promises itself."""
        least = max(self.hourly if token == self.token else 0, int(said.hourly_floor or 0))
        if not least:
            return
        if said.estimated_seconds is None:
            yield "estimated_seconds", "Say in estimated_seconds how long an answer takes: there is a least pay by the hour for this job."
        elif said.estimated_seconds > 0 and (pay := fairness.hourly(reward, (), least, said.estimated_seconds)).below:
            enough = fairness.least_reward(least, said.estimated_seconds)
            yield "reward", (
                f"At {said.estimated_seconds} seconds an answer the reward comes to {pay.rate} base units an hour, and the least is {least}: "
                f"pay at least {enough}."
            )
