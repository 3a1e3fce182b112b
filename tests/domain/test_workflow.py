"""How many people label a clip: a stable draw, and rules that cannot be said wrong."""

import uuid

import pytest

from apps.adjudication.domain.workflow import InvalidWorkflowError, Workflow, place_of, workflow_of

SECRET, OTHER = b"s" * 32, b"o" * 32
CLIPS = [str(uuid.UUID(int=n)) for n in range(4000)]


def test_the_sample_is_the_same_each_time_and_a_larger_share_holds_a_smaller_one():
    small, large = (Workflow(passes=1, sampled_share=share) for share in (0.1, 0.3))
    drawn = {clip for clip in CLIPS if small.samples(SECRET, clip)}
    assert drawn == {clip for clip in reversed(CLIPS) if small.samples(SECRET, clip)}
    assert drawn < {clip for clip in CLIPS if large.samples(SECRET, clip)}
    assert 320 < len(drawn) < 480
    assert {small.passes_of(SECRET, clip) for clip in drawn} == {2}
    assert {small.passes_of(SECRET, clip) for clip in set(CLIPS) - drawn} == {1}


def test_another_project_draws_others():
    assert [place_of(SECRET, clip) for clip in CLIPS[:9]] != [
        place_of(OTHER, clip) for clip in CLIPS[:9]
    ]


def test_nothing_and_everything_are_shares_too():
    none, every = (Workflow(passes=0, sampled_share=share, sampled_passes=3) for share in (0.0, 1))
    assert not any(none.samples(SECRET, clip) for clip in CLIPS)
    assert all(every.passes_of(SECRET, clip) == 3 for clip in CLIPS)


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"passes": 6}, "passes"),
        ({"passes": -1}, "passes"),
        ({"passes": "2"}, "passes"),
        ({"passes": True}, "passes"),
        ({"passes": 0}, "passes"),
        ({"sampled_passes": 0}, "sampled_passes"),
        ({"sampled_share": 1.5}, "sampled_share"),
        ({"sampled_share": "half"}, "sampled_share"),
        ({"sampled_share": float("nan")}, "sampled_share"),
        ({"giving": "at will"}, "giving"),
        ({"giving": []}, "giving"),
    ],
)
def test_a_rule_that_cannot_be_followed_is_refused_by_its_field(rule, field):
    with pytest.raises(InvalidWorkflowError) as refusal:
        workflow_of(rule)
    assert refusal.value.field == field


def test_a_rule_is_kept_as_it_was_given():
    flow = Workflow(passes=1, sampled_share=0.25, sampled_passes=3, giving="balanced")
    assert workflow_of(flow.as_json()) == flow
    assert workflow_of({}) == Workflow()
