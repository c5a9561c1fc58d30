"""Which steps are quick enough to run one after another."""

from modelkiln.runtime.ensemble.pace import HAND_OVER, Pace


def noted(*calls):
    """Whether a step is quick after calls: of each how often, and its seconds."""
    pace = Pace()
    for count, seconds in calls:
        for _ in range(count):
            pace.note(seconds)
    return pace.is_quick


def test_a_step_is_quick_when_all_its_last_calls_were():
    """One that nobody has seen might take long, and after a long call the next ones might, too."""
    quick, slow = HAND_OVER / 2, HAND_OVER * 2
    assert not noted()
    assert not noted((15, quick))
    assert noted((16, quick))
    assert not noted((100, quick), (1, slow))
    assert not noted((100, quick), (1, slow), (15, quick))
    assert noted((100, quick), (1, slow), (16, quick))
    assert not noted((100, slow))
