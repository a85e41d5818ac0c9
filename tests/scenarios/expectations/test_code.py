"""``code``: functions of the project, and of nothing else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentlab.errors import ScenarioError
from agentlab.scenarios.expectations import CheckContext
from tests.scenarios.expectations.runs import failures, met, said

CHECKS = """
def short(run):
    return len(run.text) < 10

def told(run):
    if run.text != "ok":
        return f"it says {run.text}"

def asserted(run):
    assert run.text == "ok", "it is not ok"

def broken(run):
    return {}["x"]

def strange(run):
    return 7

NUMBER = 3
"""


@pytest.fixture
def context(tmp_path: Path) -> Iterator[CheckContext]:
    package = tmp_path / "shop_checks"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "answers.py").write_text(CHECKS)
    (tmp_path / "json.py").write_text("def loads(run): return True")
    (tmp_path / "failing_checks.py").write_text("raise RuntimeError('at import')")
    before, path = set(sys.modules), list(sys.path)
    yield CheckContext(project=tmp_path)
    assert sys.path == path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_true_and_nothing_are_met_false_and_text_are_not(context: CheckContext) -> None:
    assert met({"code": "shop_checks.answers:short"}, "ok", context)
    assert met({"code": "shop_checks.answers:told"}, "ok", context)
    assert met({"code": "shop_checks.answers:asserted"}, "ok", context)
    (failure,) = failures({"code": "shop_checks.answers:short"}, "much too long", context)
    assert (failure.path, failure.expected) == ("expect.code", "shop_checks.answers:short agrees")
    assert failure.got == '"much too long"'
    (failure,) = failures({"code": "shop_checks.answers:told"}, "no", context)
    assert failure.message == "it says no"
    (failure,) = failures({"code": "shop_checks.answers:asserted"}, "no", context)
    assert failure.message == "it is not ok"
    assert met({"not": {"code": "shop_checks.answers:asserted"}}, "no", context)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("os:system", "there is no module os in the project"),
        ("shutil:rmtree", "there is no module shutil"),
        ("agentlab.errors:AgentLabError", "there is no module agentlab"),
        ("shop_checks.none:f", "cannot be imported"),
        ("shop_checks.answers:none", "has no function none"),
        ("shop_checks.answers:NUMBER", "has no function NUMBER"),
        ("shop_checks.answers:broken", "raised KeyError: 'x'"),
        ("shop_checks.answers:strange", 'returned "7": expected True'),
        ("failing_checks:f", "cannot be imported: RuntimeError: at import"),
        ("json:loads", "is not the project's own"),
    ],
)
def test_what_is_no_verdict(context: CheckContext, reference: str, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        failures({"code": reference}, said("x"), context)


def test_a_link_out_of_the_project_is_not_followed(
    context: CheckContext, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "linked_checks.py"
    outside.write_text("def f(run): return True")
    (context.project / "linked_checks.py").symlink_to(outside)
    with pytest.raises(ScenarioError, match="no module linked_checks in the project"):
        failures({"code": "linked_checks:f"}, "x", context)


@pytest.mark.parametrize(
    "reference", ["shop", "shop:f.g", "../x:f", "shop:", ":f", "shop:f()", "shop/x:f", 3, ["a:b"]]
)
def test_what_is_no_reference(reference: object) -> None:
    with pytest.raises(ScenarioError, match="expected module:function"):
        failures({"code": reference}, "x")
