"""What runs in a package, and where."""

from modelkiln.ensemble.programs import Program, list_programs, members_by_environment, wheels_by_environment

_NUMPY = [{"name": "numpy", "version": "2.4.6"}]
_INNER = {
    "members": {
        "rain": {"entry_point": "rain:predict"},
        "old": {"entry_point": "old:P", "code": "c", "environment": "v"},
    },
    "combine": "merge:merge",
}
_OUTER = {
    "entry_point": "script:Ensemble",
    "requirements": _NUMPY,
    "ensemble": {
        "members": {
            "all": {"entry_point": "script:Ensemble", "code": "a", "ensemble": _INNER},
            "snow": {"entry_point": "snow:predict"},
        },
        "environments": {"v": {"requirements": []}},
    },
}


def test_a_package_has_one_program():
    """Its inference script, in its environment."""
    record = {"entry_point": "rain:predict", "requirements": _NUMPY}
    assert [Program("", "rain:predict", "", "opt/venv")] == list_programs(record)
    assert {"opt/venv": _NUMPY} == wheels_by_environment(record)
    assert {"opt/venv": ()} == members_by_environment(record)


def test_an_ensemble_has_those_of_its_members():
    """Also of an ensemble in it, whose folders lie in that one's and whose environments are the whole's."""
    assert [
        Program("", "script:Ensemble"),
        Program("all", "merge:merge", "a/"),
        Program("all/rain", "rain:predict", "a/"),
        Program("all/old", "old:P", "a/c/", "v"),
        Program("snow", "snow:predict"),
    ] == list_programs(_OUTER)
    assert {"opt/venv": _NUMPY, "v": []} == wheels_by_environment(_OUTER)
    assert {"opt/venv": ("all", "all/rain", "snow"), "v": ("all/old",)} == members_by_environment(_OUTER)


def test_a_package_runs_where_its_record_says():
    """Whose environment lies elsewhere than that of most."""
    record = {"entry_point": "rain:predict", "requirements": _NUMPY, "environment": "opt/venvs/rain"}
    assert ["opt/venvs/rain"] == [one.environment for one in list_programs(record)]
    assert {"opt/venvs/rain": _NUMPY} == wheels_by_environment(record)
    assert {"opt/venvs/rain": ()} == members_by_environment(record)
