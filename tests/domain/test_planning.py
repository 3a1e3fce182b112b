"""A plan gives each clip its passes, evenly, to people who may label it."""

import random
from itertools import combinations

from apps.adjudication.domain.planning import Wanted, balanced

PEOPLE = [f"p{n}" for n in range(5)]


def clips(n, passes=2, seed=3, **given):
    rng = random.Random(seed)
    return [Wanted(f"c{i:03d}", rng.uniform(20, 900), passes, **given) for i in range(n)]


def test_every_clip_gets_its_passes_from_different_people_and_loads_differ_by_one_clip_at_most():
    asked = clips(60)
    plan = balanced(asked, dict.fromkeys(PEOPLE, 0.0))
    assert len(plan.given) == len(set(plan.given)) == 120 and not plan.lacking
    for wanted in asked:
        assert len({person for clip, person in plan.given if clip == wanted.clip}) == 2
    longest = max(wanted.length_s for wanted in asked)
    assert max(plan.load_s.values()) - min(plan.load_s.values()) <= longest
    summed = dict.fromkeys(PEOPLE, 0.0)
    length = {wanted.clip: wanted.length_s for wanted in asked}
    for clip, person in plan.given:
        summed[person] += length[clip]
    assert {k: round(v, 6) for k, v in summed.items()} == {
        k: round(v, 6) for k, v in plan.load_s.items()
    }


def test_the_order_of_clips_and_people_changes_nothing():
    asked = clips(25)
    again = balanced(random.Random(1).sample(asked, 25), dict.fromkeys(reversed(PEOPLE), 0.0))
    assert again.given == balanced(asked, dict.fromkeys(PEOPLE, 0.0)).given


def test_who_has_much_to_do_gets_nothing_until_the_others_have_as_much():
    plan = balanced(clips(6, passes=1), {"busy": 1e6, "idle": 0.0})
    assert {person for _, person in plan.given} == {"idle"}


def test_equals_are_paired_with_everybody():
    asked = [Wanted(f"c{i:02d}", 60.0, 2) for i in range(20)]
    plan = balanced(asked, dict.fromkeys(PEOPLE, 0.0))
    by_clip = {}
    for clip, person in plan.given:
        by_clip.setdefault(clip, set()).add(person)
    pairs = {frozenset(pair) for pair in combinations(PEOPLE, 2)}
    assert {frozenset(two) for two in by_clip.values()} == pairs


def test_who_holds_a_clip_counts_and_who_may_not_is_passed_over():
    plan = balanced(
        [Wanted("c", 10, 3, frozenset({"p0"}), frozenset({"p1"}))], dict.fromkeys(PEOPLE[:3], 0.0)
    )
    assert plan.given == (("c", "p2"),) and plan.lacking == {"c": 1}
    assert balanced([Wanted("c", 10, 1, frozenset({"x"}))], {"p0": 0.0}).given == ()
    assert balanced(clips(3), {}).lacking == {"c000": 2, "c001": 2, "c002": 2}
