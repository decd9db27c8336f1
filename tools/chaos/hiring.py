"""Who sends in a run: churches, their schedules, and their staff with everything that they are to do."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tools.chaos import errands
from tools.chaos.audiences import church_sizes
from tools.chaos.churches import Church, create_churches
from tools.chaos.kept_schedules import KeptSchedule, keep_schedule
from tools.chaos.parameters import Parameters
from tools.chaos.posts import MOST_PICTURES, church_paces, make_posts
from tools.chaos.schedules import Way, make_schedules
from tools.chaos.staff import Staff
from tools.chaos.system import System


@dataclass(frozen=True, kw_only=True)
class Hired:
    churches: Sequence[Church]
    schedules: Sequence[KeptSchedule]
    staff: Staff


def hire(system: System, parameters: Parameters) -> Hired:
    """Found the churches, make their schedules, and say who does what when: from now on, so the staff should start now.

    Raises Refused, Unreachable, NotStarted.
    """
    schedules = make_schedules(parameters)
    posts = make_posts(parameters, deliveries=parameters.deliveries - sum(each.deliveries for each in schedules))
    pictures = [system.sandbox.picture_url(f"{number}") for number in range(MOST_PICTURES)]
    paces = church_paces(parameters, posts)
    churches = create_churches(system, sizes=church_sizes(parameters), paces=paces)
    kept = [
        keep_schedule(each, church=churches[each.post.church], base_url=system.api_url, pictures=pictures)
        for each in schedules
    ]
    began = datetime.now(UTC)
    to_do = [errands.send(post, church=churches[post.church], pictures=pictures, began=began) for post in posts]
    to_do += [
        errands.run_now(each.schedule.post, church=churches[each.schedule.post.church], schedule_id=each.schedule_id)
        for each in kept
        if each.schedule.way is Way.BY_HAND
    ]
    staff = Staff(
        base_url=system.api_url,
        errands=sorted(to_do, key=lambda errand: errand.post.at_seconds),
        run_id=f"chaos-{parameters.seed}-{os.getpid()}",
    )
    return Hired(churches=churches, schedules=kept, staff=staff)
