"""The plan and the posts: pure, complete, and the same for the same seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import pytest

from messaging.addresses import parse_email, parse_phone
from store import timeouts
from tools.chaos.audiences import church_sizes
from tools.chaos.episodes import DOUBTFUL, EPISODES
from tools.chaos.events import DEATHS, OF_RUNS, Kind
from tools.chaos.mail_episodes import MAIL_EPISODES
from tools.chaos.parameters import Ablation, Parameters
from tools.chaos.people import MAIL
from tools.chaos.plan import deal_deaths, make_plan
from tools.chaos.points import Point
from tools.chaos.posts import SHARES, make_posts
from tools.chaos.schedules import Way, make_schedules

SHORTEST_FOR_REQUESTS = timeouts.WEB.connection + timeouts.PROBE_SECONDS
SHORTEST_FOR_WORKERS = timeouts.SENDING.probe_after + timeouts.PROBE_SECONDS
FULL = Parameters(
    seed=5,
    deliveries=100_000,
    mischief_seconds=900.0,
    kills=200,
    redis_restarts=10,
    flushes=3,
    postgres_restarts=5,
    redis_stalls=4,
    postgres_stalls=4,
)
SHORT = Parameters(seed=5, deliveries=1_500, mischief_seconds=15.0, kills=8, redis_restarts=1, postgres_restarts=1)


@pytest.mark.parametrize("parameters", [FULL, SHORT])
def test_same_seed_same_plan_another_seed_another(parameters: Parameters) -> None:
    another = replace(parameters, seed=6)
    assert make_plan(parameters) == make_plan(parameters)
    assert make_plan(parameters) != make_plan(another)
    assert make_schedules(parameters) == make_schedules(parameters)
    assert make_schedules(parameters) != make_schedules(another)
    assert make_posts(parameters, deliveries=500) == make_posts(parameters, deliveries=500)
    assert make_posts(parameters, deliveries=500) != make_posts(another, deliveries=500)


@pytest.mark.parametrize("parameters", [FULL, SHORT])
def test_plan_holds_what_was_asked_for_within_its_time(parameters: Parameters) -> None:
    plan = make_plan(parameters)
    kinds = Counter(event.kind for event in plan)
    assert kinds[Kind.TRAP] + kinds[Kind.KILL] == parameters.kills
    assert kinds[Kind.REDIS] == parameters.redis_restarts
    assert kinds[Kind.FLUSH] == parameters.flushes
    assert kinds[Kind.POSTGRES] == parameters.postgres_restarts
    assert kinds[Kind.REDIS_STALL] == parameters.redis_stalls
    assert kinds[Kind.POSTGRES_STALL] == parameters.postgres_stalls
    assert kinds[Kind.REQUEUE] == parameters.requeues
    assert kinds[Kind.FAULTS] == 2 * parameters.episodes
    assert kinds[Kind.MAIL_FAULTS] == 2 * parameters.mail_episodes
    moments = [event.at_seconds for event in plan]
    assert moments == sorted(moments)
    assert moments[0] >= 0
    assert moments[-1] <= parameters.mischief_seconds


@pytest.mark.parametrize(("kind", "episodes"), [(Kind.FAULTS, EPISODES), (Kind.MAIL_FAULTS, MAIL_EPISODES)])
def test_carriers_are_calm_between_episodes_and_every_kind_of_them_comes(
    kind: Kind, episodes: Mapping[str, object]
) -> None:
    parameters = replace(FULL, episodes=len(EPISODES), mail_episodes=len(MAIL_EPISODES))
    changes = [event.detail for event in make_plan(parameters) if event.kind is kind]
    assert set(changes[::2]) == set(episodes)
    assert set(changes[1::2]) == {""}


def test_deaths_keep_their_proportion() -> None:
    whole = sum(share for _, _, share in DEATHS)
    dealt = Counter(deal_deaths(10 * whole))
    assert dealt == Counter({(kind, detail): 10 * share for kind, detail, share in DEATHS})


def test_a_short_run_dies_at_the_points_that_matter() -> None:
    details = {detail for _, detail in deal_deaths(SHORT.kills)}
    assert details >= {Point.AFTER_CLAIM, Point.AFTER_ACCEPTANCE, Point.HALF_RECORDED, Point.BEFORE_RING}


@pytest.mark.parametrize("parameters", [FULL, SHORT])
def test_workers_of_every_channel_are_to_die(parameters: Parameters) -> None:
    traps = [event for event in make_plan(parameters) if event.kind is Kind.TRAP]
    assert {event.queue for event in traps if event.detail not in OF_RUNS} == set(SHARES)


@pytest.mark.parametrize("parameters", [FULL, SHORT])
def test_schedules_come_due_in_every_way_and_what_should_hit_them_comes_just_before(parameters: Parameters) -> None:
    schedules, plan = make_schedules(parameters), make_plan(parameters)
    due = {schedule.post.number: schedule.post.at_seconds for schedule in schedules}
    by_itself = {Way.BY_ITSELF} if parameters is FULL else set[Way]()
    assert {schedule.way for schedule in schedules} == {Way.MOVED, Way.BY_HAND, Way.PAUSED} | by_itself
    assert {event.schedule for event in plan if event.kind is Kind.DUE} == {
        each.post.number for each in schedules if each.way in (Way.MOVED, Way.PAUSED)
    }
    set_back = [event for event in plan if event.kind is Kind.SET_BACK]
    assert len(set_back) == parameters.set_backs
    assert all(due[event.schedule] < event.at_seconds for event in set_back)
    for event in plan:
        if event.detail in OF_RUNS:
            assert any(0.0 <= at_seconds - event.at_seconds <= 0.5 for at_seconds in due.values())


def test_servers_stand_still_longer_than_requests_and_also_longer_than_workers_wait() -> None:
    lasts = [event.lasts_seconds for event in make_plan(FULL) if event.kind is Kind.POSTGRES_STALL]
    assert any(SHORTEST_FOR_REQUESTS < seconds < SHORTEST_FOR_WORKERS for seconds in lasts)
    assert max(lasts) > SHORTEST_FOR_WORKERS
    assert min(lasts) < SHORTEST_FOR_REQUESTS


def test_without_reconciliation_every_episode_leaves_doubts() -> None:
    plan = make_plan(replace(SHORT, ablations=frozenset({Ablation.RECONCILE})))
    assert {event.detail for event in plan if event.kind is Kind.FAULTS} == {*DOUBTFUL, ""}


@pytest.mark.parametrize("parameters", [FULL, SHORT])
def test_posts_add_up_and_are_fit_to_be_sent(parameters: Parameters) -> None:
    posts = make_posts(parameters, deliveries=parameters.deliveries)
    sizes = church_sizes(parameters)
    assert sum(len(post.addresses) for post in posts) == parameters.deliveries
    assert len({post.body for post in posts}) == len(posts)
    assert {post.church for post in posts} == set(range(parameters.churches))
    assert posts[-1].at_seconds <= parameters.posting_seconds
    for post in posts:
        assert len(set(post.addresses)) == len(post.addresses)
        assert not post.to_all or len(post.addresses) == sizes[post.church]
        assert (post.channel == MAIL) == (post.subject is not None)
        assert (post.channel == "mms") == (post.pictures > 0)
        parse = parse_email if post.channel == MAIL else parse_phone
        assert parse(post.addresses[-1]) == post.addresses[-1]
    assert {post.channel for post in posts} == set(SHARES)
