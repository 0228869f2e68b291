"""What providers with jobs share: a job that gets older with every question, and the list of them."""

import time
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from tests.emulators.base import Call, Emulator
from tests.emulators.scenario import Kind, Scenario


@dataclass(slots=True, kw_only=True)
class Job:
    """One job on the server. `asked` counts the questions about it."""

    id: str
    call: Call
    born: float = field(default_factory=time.monotonic)
    asked: int = 0

    @property
    def scenario(self) -> Scenario:
        return self.call.scenario

    @property
    def done(self) -> bool:
        if self.scenario.kind is Kind.JOB_ENDLESS:
            return False
        if self.scenario.final_gate is not None:
            return self.scenario.final_gate.released
        return self.asked > self.scenario.polls and time.monotonic() - self.born >= self.scenario.delay_s


J = TypeVar("J", bound=Job)


class WithJobs(Emulator, Generic[J]):
    """A provider whose answer to a submit is a job."""

    delays_jobs = True

    def __init__(self, files: Any = None) -> None:
        super().__init__(files)
        self.jobs: dict[str, J] = {}
        self.cancelled: list[str] = []

    def reset(self) -> None:
        for job in self.jobs.values():
            if job.scenario.final_gate is not None:
                job.scenario.final_gate.release()
        super().reset()
        self.jobs, self.cancelled = {}, []

    def keep(self, job: J) -> J:
        """A new job, with the scenario of its submit."""
        self.jobs[job.id] = job
        self.begin(job.scenario)
        return job
