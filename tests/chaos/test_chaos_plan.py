"""The plan and the posts: pure, complete, and the same for the same seed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from chaos.episodes import DOUBTFUL, EPISODES
from chaos.parameters import Ablation, Parameters
from chaos.plan import DEATHS, Kind, deal_deaths, make_plan
from chaos.points import Point
from chaos.posts import church_sizes, make_posts
from messaging.addresses import parse_phone

FULL = Parameters(
    seed=5, deliveries=100_000, mischief_seconds=900.0, kills=200, redis_restarts=10, flushes=3, postgres_restarts=5
)
SHORT = Parameters(seed=5, deliveries=1_500, mischief_seconds=15.0, kills=8, redis_restarts=1, postgres_restarts=1)


@pytest.mark.parametrize("parameters", [FULL, SHORT])
def test_same_seed_same_plan_another_seed_another(parameters: Parameters) -> None:
    another = replace(parameters, seed=6)
    assert make_plan(parameters) == make_plan(parameters)
    assert make_posts(parameters) == make_posts(parameters)
    assert make_plan(parameters) != make_plan(another)
    assert make_posts(parameters) != make_posts(another)


@pytest.mark.parametrize("parameters", [FULL, SHORT])
def test_plan_holds_what_was_asked_for_within_its_time(parameters: Parameters) -> None:
    plan = make_plan(parameters)
    kinds = Counter(event.kind for event in plan)
    assert kinds[Kind.TRAP] + kinds[Kind.KILL] == parameters.kills
    assert kinds[Kind.REDIS] == parameters.redis_restarts
    assert kinds[Kind.FLUSH] == parameters.flushes
    assert kinds[Kind.POSTGRES] == parameters.postgres_restarts
    assert kinds[Kind.REQUEUE] == parameters.requeues
    assert kinds[Kind.FAULTS] == 2 * parameters.episodes
    moments = [event.at_seconds for event in plan]
    assert moments == sorted(moments)
    assert moments[0] >= 0
    assert moments[-1] <= parameters.mischief_seconds


def test_carrier_is_calm_between_episodes_and_every_kind_of_them_comes() -> None:
    changes = [event.detail for event in make_plan(replace(FULL, episodes=len(EPISODES))) if event.kind is Kind.FAULTS]
    assert set(changes[::2]) == set(EPISODES)
    assert set(changes[1::2]) == {""}


def test_deaths_keep_their_proportion() -> None:
    whole = sum(share for _, _, share in DEATHS)
    dealt = Counter(deal_deaths(10 * whole))
    assert dealt == Counter({(kind, detail): 10 * share for kind, detail, share in DEATHS})


def test_a_short_run_dies_at_the_points_that_matter() -> None:
    details = {detail for _, detail in deal_deaths(SHORT.kills)}
    assert details >= {Point.AFTER_CLAIM, Point.AFTER_ACCEPTANCE, Point.HALF_RECORDED, Point.BEFORE_RING}


def test_without_reconciliation_every_episode_leaves_doubts() -> None:
    plan = make_plan(replace(SHORT, ablations=frozenset({Ablation.RECONCILE})))
    assert {event.detail for event in plan if event.kind is Kind.FAULTS} == {*DOUBTFUL, ""}


@pytest.mark.parametrize("parameters", [FULL, SHORT])
def test_posts_add_up_and_are_fit_to_be_sent(parameters: Parameters) -> None:
    posts = make_posts(parameters)
    sizes = church_sizes(parameters)
    assert sum(len(post.addresses) for post in posts) == parameters.deliveries
    assert len({post.body for post in posts}) == len(posts)
    assert {post.church for post in posts} == set(range(parameters.churches))
    assert posts[-1].at_seconds <= parameters.posting_seconds
    for post in posts:
        assert len(set(post.addresses)) == len(post.addresses)
        assert not post.to_all or len(post.addresses) == sizes[post.church]
    for address in {address for post in posts for address in post.addresses[-1:]}:
        assert parse_phone(address) == address
