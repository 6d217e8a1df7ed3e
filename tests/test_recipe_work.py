"""Half-done work: answers are kept one by one, with their seconds, and damage is noticed."""

import json
import types

import pytest

from etudes.recipes import work
from etudes.recipes.work import Answer, Remembered, code_of


def never():
    """Must not be asked."""
    raise AssertionError("asked again")


@pytest.fixture
def clock(monkeypatch):
    """Time that passes when it is told to: ``clock(seconds, value)`` takes so long to find it."""
    now = [0.0]
    monkeypatch.setattr(work.time, "perf_counter", lambda: now[0])

    def taking(seconds, value):
        def find():
            now[0] += seconds
            return value

        return find

    return taking


def test_another_process_gets_the_answer_and_the_seconds_it_took(tmp_path, clock):
    first = Remembered(tmp_path / "answers.json")
    assert first.ask("nmf 24", clock(120.0, 3.25)) == Answer(3.25, 120.0)
    assert first.ask("nmf 48", clock(60.0, {"rows": [(0.1, -2.5e-7)]})).seconds == 60.0
    later = Remembered(tmp_path / "answers.json")
    assert later.seconds == 0
    assert later.ask("nmf 24", never) == Answer(3.25, 120.0)
    assert later.ask("nmf 48", never) == first.ask("nmf 48", never)
    assert later.seconds == 180.0  # of what was asked for, though this process took none


def test_new_answers_look_like_remembered_ones(tmp_path):
    for path in (None, tmp_path / "answers.json"):
        assert Remembered(path).ask("pair", lambda: {1: (2, 3)}).value == {"1": [2, 3]}


def test_without_a_file_answers_live_as_long_as_the_object(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answers = Remembered()
    assert answers.ask("a", lambda: 1) == answers.ask("a", never)
    assert Remembered().ask("a", lambda: 2).value == 2 and not list(tmp_path.iterdir())


def test_another_key_or_stamp_is_another_question(tmp_path):
    path = tmp_path / "answers.json"
    Remembered(path, "old").ask("a", lambda: 1)
    answers = Remembered(path, "new")
    assert answers.ask("a", lambda: 2).value == 2 and answers.ask("b", lambda: 3).value == 3
    assert Remembered(path, "old").ask("a", never).value == 1


def test_an_answer_is_kept_as_soon_as_it_is_found(tmp_path):
    answers = Remembered(tmp_path / "answers.json")
    answers.ask("a", lambda: 1)
    with pytest.raises(KeyboardInterrupt):
        answers.ask("b", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    again = Remembered(tmp_path / "answers.json")
    assert again.ask("a", never).value == 1 and again.ask("b", lambda: 2).value == 2


def test_two_processes_fill_one_file(tmp_path):
    one, other = (Remembered(tmp_path / "answers.json") for _ in range(2))
    one.ask("a", lambda: 1)
    other.ask("b", lambda: 2)
    one.ask("c", lambda: 3)
    assert one.ask("b", never).value == 2
    found = Remembered(tmp_path / "answers.json")
    assert [found.ask(key, never).value for key in "abc"] == [1, 2, 3]


@pytest.mark.parametrize("damage", ["cut short", "altered", "empty", "of an earlier form", "bytes"])
def test_a_file_that_cannot_be_trusted_is_set_aside(tmp_path, damage):
    path = tmp_path / "answers.json"
    Remembered(path).ask("a", lambda: 1234)
    content = path.read_bytes()
    wrong = {
        "cut short": content[:-9],
        "altered": content.replace(b"1234", b"1235"),
        "empty": b"",
        "of an earlier form": json.dumps({"nmf nmf=24": 3.2}).encode(),
        "bytes": bytes(range(256)),
    }[damage]
    assert wrong != content
    path.write_bytes(wrong)
    with pytest.warns(UserWarning, match="answers.json is damaged or of an earlier form"):
        answers = Remembered(path)
    assert (tmp_path / "answers.json.damaged").read_bytes() == wrong
    assert answers.ask("a", lambda: 5).value == 5
    assert Remembered(path).ask("a", never).value == 5


def test_other_code_has_another_digest(tmp_path):
    single, package = types.ModuleType("single"), types.ModuleType("package")
    (tmp_path / "package" / "inner").mkdir(parents=True)
    single.__file__ = str(tmp_path / "single.py")
    package.__file__ = str(tmp_path / "package" / "__init__.py")
    package.__path__ = [str(tmp_path / "package")]
    deep = tmp_path / "package" / "inner" / "deep.py"
    for place in (single.__file__, package.__file__, deep):
        tmp_path.joinpath(place).write_text("x = 1\n")
    before = code_of(single, package)
    (tmp_path / "beside.py").write_text("x = 3\n")  # of no module that was named
    assert before == code_of(single, package) and len(before) == 16
    deep.write_text("x = 2\n")
    after = code_of(single, package)
    (tmp_path / "single.py").write_text("x = 2\n")
    assert len({before, after, code_of(single, package)}) == 3
