"""Folk tunes, their labels and groups, and Bach's chorales."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from etudes.data import scores
from etudes.data.abc_notation import clean_abc, key_and_mode, notes_from_abc, split_tunes
from etudes.data.duplicates import near_duplicate_groups, tune_runs
from etudes.data.folk_labels import describe_tune, mode_from_notes, plain_title, style_of
from etudes.data.musicxml import read_parts
from etudes.data.tunes import Tune, TuneSet

HEAD = "X:1\nT:A tune\nM:4/4\nL:1/8\n"


def notes(body, key="K:C", head=HEAD):
    (found,) = notes_from_abc([f"{head}{key}\n{body}\n"])
    return found


# --- ABC ----------------------------------------------------------------------------------------


def test_a_book_is_cut_at_its_tunes():
    book = "% a comment\r\nX:1\r\nT:One\r\nK:C\r\nC|\r\n\r\nX :2\r\nT:Two\r\nK:G\r\nG|\r\n"
    one, two = split_tunes(book)
    assert one.startswith("X:1") and "T:One" in one and "Two" not in one
    assert "T:Two" in two
    assert split_tunes("no tune here") == []


def test_notes_have_exact_lengths():
    found = notes("C2 D>E (3FGA z2 | B4-B2 c2 |")
    pitch, onset, duration = found.T
    assert pitch.tolist() == [60, 62, 64, 65, 67, 69, 71, 72]
    np.testing.assert_allclose(duration, [1, 0.75, 0.25, 1 / 3, 1 / 3, 1 / 3, 3, 1], atol=1e-9)
    np.testing.assert_allclose(onset, [0, 1, 1.75, 2, 7 / 3, 8 / 3, 4, 7], atol=1e-9)


def test_repeats_are_played_out_and_accidentals_follow_the_key():
    assert notes("|: FG :|1 A :|2 B ||", key="K:G")[:, 0].tolist()[:2] == [66, 67]
    assert notes("|: CD :| E2 |")[:, 0].tolist() == [60, 62, 60, 62, 64]


@pytest.mark.parametrize(
    "body",
    [
        "~C2 TD2 {dc}E2 .F2",
        "u(C2 v)D2 E2 HF2",
        '"Am"C2 "_mf"D2 !trill!E2 "4"F2',
        "C2 D2 [E,E]2 F2",
        "C2 D2 [R:hornpipe] E2 F2 % and a comment",
    ],
)
def test_what_betrays_the_transcriber_is_taken_off(body):
    np.testing.assert_allclose(notes(body), notes("C2 D2 E2 F2"))


def test_a_rhythm_type_does_not_swing_the_notes():
    head = HEAD.replace("M:", "R:hornpipe\nM:")
    assert "R:" not in clean_abc(head + "K:C\nCDEF|")
    np.testing.assert_allclose(notes("CDEF|", head=head)[:, 2], 0.5)


def test_only_the_first_voice_is_kept():
    tune = HEAD + "K:C\nV:1\nCDEF|\nV:2\ncccc|\nV:1\nGABc|\n[V:2] dddd|\n"
    (found,) = notes_from_abc([tune])
    assert found[:, 0].tolist() == [60, 62, 64, 65, 67, 69, 71, 72]


def test_what_cannot_be_read_is_none_and_costs_nothing_else(capfd):
    good = HEAD + "K:C\nCDEF|\n"
    found = notes_from_abc([good, "X:2\nT:no notes\nK:C\n", "nonsense", good])
    assert found[1] is None and found[2] is None
    np.testing.assert_allclose(found[0], found[3])
    assert capfd.readouterr() == ("", "")
    assert notes_from_abc([]) == []
    with pytest.raises(TypeError, match="tunes must be a list of texts"):
        notes_from_abc(good)


def test_a_parser_that_breaks_down_loses_one_tune(monkeypatch, tmp_path):
    import etudes.data.abc_notation as abc_notation

    real = abc_notation._parser()
    script = tmp_path / "abc2midi"
    # stops for good at a tune with a low C, as if it had crashed there
    script.write_text(
        "#!/bin/sh\n"
        'n=$(grep -n "C,,," tune.abc | head -1 | cut -d: -f1)\n'
        'if [ -z "$n" ]; then exec ' + real + ' "$@"; fi\n'
        'first=$(head -$n tune.abc | grep -n "^X:" | tail -1 | cut -d: -f1)\n'
        "head -$((first - 1)) tune.abc > part && mv part tune.abc\n" + real + ' "$@"\nexit 139\n'
    )
    script.chmod(0o755)
    monkeypatch.setattr(abc_notation, "_parser", lambda: str(script))
    tunes = [HEAD + f"K:C\n{body}|\n" for body in ("CDEF", "C,,,DEF", "GABc", "C,,,", "c2c2")]
    found = notes_from_abc(tunes)
    assert [None if f is None else len(f) for f in found] == [4, None, 4, None, 2]


def test_reading_in_several_threads_does_not_mix_tunes():
    bodies = ["CDEF" * k for k in range(1, 9)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(notes, bodies))
    assert [len(f) for f in found] == [4 * k for k in range(1, 9)]


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("Ador", ("A", "dorian")),
        ("E Minor", ("E", "minor")),
        ("F#m", ("F#", "minor")),
        ("Bb", ("Bb", "")),
        ("EM", ("E", "major")),
        ("Es", ("Eb", "")),
        ("H", ("B", "")),
        ("D Mixolydian % one sharp in the book", ("D", "mixolydian")),
        ("none", ("", "")),
    ],
)
def test_keys_are_taken_apart(field, expected):
    assert key_and_mode(field) == expected


# --- labels -------------------------------------------------------------------------------------


def test_styles_come_from_the_book():
    assert style_of("han", "Shange", "anything") == "china"
    assert (
        style_of("oneills", "Slip Jig", "x")
        == "irish-slip-jig"
        == style_of("oneills", "slipjig", "x")
    )
    assert style_of("oneills", "double jig", "x") == "irish-jig"
    assert style_of("oneills", "", "The Reel of Tullochgorum") == ""
    assert style_of("ryan", "reel", "Belle of the Stage (Lancashire) -- Clog") == "ryan-clog"
    assert style_of("ryan", "reel", "Old Zip Coon") == "ryan-reel"
    assert style_of("aird", "reel", "x") == ""


def test_a_tune_is_described_in_one_form():
    tune = (
        "X:7\nT: Der Fa\u00e1binder\nO: Europa, Mitteleuropa, Deutschland (BRD) , Hessen ?\n"
        "R: Liebes - Lied]\nM: C|\nK: F\nC"
    )
    row = describe_tune("erk", "erk10", tune)
    assert row["title"] == "Der Faßbinder"
    assert row["origin"] == "Mitteleuropa, Deutschland, Hessen"
    assert (row["metre"], row["key"], row["style"]) == ("2/2", "F", "erk")
    assert row["tune_id"] == "erk10/0007"
    assert row["rhythm"] == "Liebes-Lied"
    row = describe_tune("oneills", "any", "X: 1120\nT:A hop\nM:9/8\nK:Ador\nA")
    assert (row["rhythm"], row["style"], row["mode"]) == ("slip jig", "", "dorian")


def test_the_mode_is_heard_from_the_tonic():
    scale = np.array([60, 62, 64, 65, 67, 69, 71, 72])
    assert mode_from_notes(scale, np.ones(8), "C") == "major"
    assert mode_from_notes(scale, np.ones(8), "A") == "minor"
    assert mode_from_notes(scale, np.ones(8), "D") == "dorian"
    assert mode_from_notes(scale, np.ones(8), "G") == "mixolydian"
    assert mode_from_notes(scale, np.ones(8), "F") == "lydian"
    assert mode_from_notes(scale, np.ones(8), "E") == "phrygian"
    assert mode_from_notes(np.array([60, 67]), np.ones(2), "C") == ""


def test_titles_are_spelled_in_one_way():
    assert plain_title("BAG OF MEAL, THE -- JIG") == plain_title("The Bag of Meal") == "bagofmeal"
    assert plain_title("Als ich noch jung war, S. 66") == plain_title("Als ich noch jung war")
    assert plain_title("Lied") == ""


# --- near-duplicates ----------------------------------------------------------------------------


def melody(rng, n_notes=40):
    pitches = 67 + np.clip(np.cumsum(rng.choice([-4, -3, -2, -1, 1, 2, 3, 5], n_notes)), -12, 12)
    return pitches, rng.choice([0.5, 0.5, 0.5, 1.0, 1.5], n_notes), np.zeros(n_notes)


def groups_of(*melodies, titles=None, **options):
    titles = titles or [""] * len(melodies)
    return near_duplicate_groups(melodies, ["here"] * len(melodies), titles, **options)


def test_one_tune_in_many_clothes_is_one_group():
    rng = np.random.default_rng(0)
    others = [melody(rng) for _ in range(60)]
    pitch, duration, rest = melody(rng)
    fourth_up = (pitch + 5, duration, rest)
    twice_as_slow = (pitch, 2 * duration, rest)
    syllables = (np.repeat(pitch, 2), np.repeat(duration / 2, 2), np.repeat(rest, 2))
    repeated = (np.tile(pitch, 2), np.tile(duration, 2), np.tile(rest, 2))
    leap = np.where(np.arange(40) > 20, pitch + 12, pitch)
    low_then_high = (leap, duration, rest)
    one_note_wrong = (pitch + 2 * (np.arange(40) == 13), duration, rest)
    as_a_waltz = (pitch, np.resize([1.0, 2.0, 0.5], 40), rest)
    group = groups_of(
        *others, (pitch, duration, rest), fourth_up, twice_as_slow, syllables, repeated,
        low_then_high, one_note_wrong, as_a_waltz,
    )  # fmt: skip
    assert len(set(group[60:].tolist())) == 1
    assert len(set(group[:61].tolist())) == 61, "different melodies must stay apart"


def test_a_common_title_and_known_pairs_help():
    rng = np.random.default_rng(1)
    others = [melody(rng) for _ in range(60)]
    pitch, duration, rest = melody(rng)
    new_pitch, new_duration, _ = melody(rng)
    variant = (
        np.concatenate([pitch[:10], new_pitch[10:]]),
        np.concatenate([duration[:10], new_duration[10:]]),
        rest,
    )
    tunes = [*others, (pitch, duration, rest), variant]
    blank = [""] * 60
    assert len(set(groups_of(*tunes).tolist())) == 62
    assert len(set(groups_of(*tunes, titles=[*blank, "lochlomond", "lochlomond"]).tolist())) == 61
    assert len(set(groups_of(*tunes, same=[(0, 61)]).tolist())) == 61


def test_very_short_tunes_have_no_runs_and_lengths_must_agree():
    assert tune_runs(np.array([60, 62]), np.ones(2), np.zeros(2)).size == 0
    with pytest.raises(ValueError, match="one entry per tune, got 1, 2 and 1"):
        near_duplicate_groups([melody(np.random.default_rng(0))], ["a", "b"], [""])


# --- Tune and TuneSet ---------------------------------------------------------------------------


def tune(n_notes=8, **words):
    fields = {
        "pitches": np.arange(60, 60 + n_notes),
        "durations": np.full(n_notes, 0.5),
        "rests": np.zeros(n_notes),
        "style": "china",
    }
    return Tune(**{**fields, **words})


def test_a_tune_knows_its_onsets_and_length():
    rests = np.zeros(8)
    rests[[0, 4]] = 1
    t = tune(rests=rests)
    np.testing.assert_allclose(t.onsets, [1, 1.5, 2, 2.5, 4, 4.5, 5, 5.5])
    assert t.quarters == 6 and len(t) == 8
    assert t.notes.shape == (8, 3)
    assert t.transpose(-3).pitches[0] == 57 and t.pitches[0] == 60
    cut = t.excerpt(4, 6)
    assert cut.pitches.tolist() == [64, 65] and cut.onsets[0] == 0
    score = t.to_score(tempo=90)
    assert [note.start for note in score.tracks[0].notes][:2] == [480, 720]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"pitches": np.full(8, 10)}, "from 21 to 108, got 10 to 10"),
        ({"pitches": np.full(8, 60.5)}, "whole MIDI numbers"),
        ({"pitches": np.full((2, 4), 60)}, "pitches must have 1 dimension"),
        ({"pitches": np.array([])}, "pitches must not be empty"),
        ({"durations": np.ones(7)}, "durations must have shape \\(8,\\), got \\(7,\\)"),
        ({"durations": np.zeros(8)}, "durations must be greater than 0"),
        ({"durations": np.full(8, np.nan)}, "durations must be finite"),
        ({"rests": np.full(8, -1.0)}, "rests must be 0 or more"),
    ],
)
def test_a_tune_refuses_what_cannot_be_played(fields, message):
    with pytest.raises(ValueError, match=message):
        tune(**fields)


def test_a_tune_set_is_a_list_that_can_be_cut_and_picked():
    one, two, three = tune(), tune(5, style="lorraine", group=7), tune(6, style="", metre="6/8")
    tunes = TuneSet.from_tunes([one, two, three])
    assert len(tunes) == 3 and len(tunes[1]) == 5 and len(tunes[-1]) == 6
    assert tunes.styles.tolist() == ["china", "lorraine", ""]
    assert tunes.labels.tolist() == [
        scores.STYLES.index("china"), scores.STYLES.index("lorraine"), -1,
    ]  # fmt: skip
    assert tunes.groups[1] == 7 and len(set(tunes.groups.tolist())) == 3
    assert tunes.n_notes.tolist() == [8, 5, 6]
    assert [len(t) for t in tunes[1:]] == [5, 6]
    assert tunes[np.array([2, 0])][0].metre == "6/8"
    assert len(tunes[tunes.n_notes > 100]) == 0
    assert len(tunes[[]]) == 0
    assert tunes.select(style="lorraine")[0].style == "lorraine"
    assert len(tunes.select(tunes.n_notes > 5, style=("lorraine", "china"))) == 1
    with pytest.raises(IndexError):
        tunes[3]
    with pytest.raises(ValueError, match="mask must have shape \\(3,\\), got \\(2,\\)"):
        tunes[np.array([True, False])]
    with pytest.raises(ValueError, match="name must be one of .*metre.*, got 'meter'"):
        tunes.select(meter="6/8")
    with pytest.raises(ValueError, match="at least one tune"):
        TuneSet.from_tunes([])


# --- the real thing -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folk():
    return scores.load_folk_tunes(unlabelled=True)


def test_every_style_has_tunes_and_a_part_of_the_split(folk):
    styles, counts = np.unique(folk.styles[folk.styles != ""], return_counts=True)
    assert tuple(styles) == scores.STYLES and len(scores.STYLES) == 22
    assert counts.min() >= 30 and counts.sum() > 10_000
    parts = scores.TRAIN_STYLES, scores.VALIDATION_STYLES, scores.TEST_STYLES
    assert sorted(sum(parts, ())) == list(scores.STYLES)
    assert len(set(sum(parts, ()))) == 22
    assert folk.n_notes.min() >= 16
    assert len(np.unique(folk.column("tune_id"))) == len(folk)


def test_notes_are_sound(folk):
    held = folk.columns
    assert held["pitches"].min() >= 21 and held["pitches"].max() <= 108
    assert held["durations"].min() > 0 and held["rests"].min() >= 0
    assert np.isfinite(held["durations"]).all()


def test_labels_do_not_swing_the_notes(folk):
    hornpipes = folk.select(style="irish-hornpipe")
    lengths = np.concatenate([t.durations for t in hornpipes])
    triplet = np.isclose(lengths, 2 / 3, atol=0.01).mean()
    assert triplet < 0.01


def test_parts_share_neither_group_nor_place():
    parts = {name: scores.split_folk_tunes(name) for name in ("train", "validation", "test")}
    groups = {name: set(part.groups.tolist()) for name, part in parts.items()}
    assert not groups["train"] & groups["validation"]
    assert not groups["train"] & groups["test"]
    assert not groups["validation"] & groups["test"]
    assert set(parts["test"].styles) == set(scores.TEST_STYLES)
    for name in ("train", "validation"):
        essen = ~np.isin(parts[name].column("collection"), ("oneills", "ryan"))
        origins = " ".join(parts[name].column("origin")[essen])
        assert "Lothringen" not in origins and "China" not in origins and "Irland" not in origins
    more = scores.split_folk_tunes("train", unlabelled=True)
    assert len(more) > len(parts["train"])
    assert not set(more.groups.tolist()) & (groups["validation"] | groups["test"])


def test_no_test_tune_is_a_training_tune_in_another_key():
    def openings(tunes):
        found = {}
        for i, t in enumerate(tunes):
            steps = np.diff(t.pitches.astype(int))
            steps = steps[steps != 0]
            if len(steps) >= 23:
                found[steps[:23].tobytes()] = i
        return found

    train, test = scores.split_folk_tunes("train"), scores.split_folk_tunes("test")
    assert not openings(train).keys() & openings(test).keys()


def test_known_pairs_are_in_one_group(folk):
    row = {name: i for i, name in enumerate(folk.column("tune_id"))}
    group = folk.groups
    for one, other in [
        ("oneills/0732", "oneills/0732-2"),  # one number, two typists
        ("oneills/1267", "ryan/ThreeMerrySistersReel"),  # two books, two titles
        ("ryan/CzarOfRussiasFavoriteHornpipe", "aird/0717"),  # three nations
        ("altdeu20/0159", "erk30/0603"),  # two titles, two metres
        ("ryan/MoneyMuskReel", "ryan/MoneyMuskStrathspey"),  # even and dotted
    ]:
        assert group[row[one]] == group[row[other]], (one, other)
    assert np.bincount(group).max() < 150


def test_asking_for_styles():
    one = scores.load_folk_tunes("irish-slip-jig")
    assert set(one.styles) == {"irish-slip-jig"} and set(one.column("metre")) <= {"9/8", "6/8"}
    two = scores.load_folk_tunes(["china", "lorraine"], min_notes=40)
    assert set(two.styles) == {"china", "lorraine"} and two.n_notes.min() >= 40
    with pytest.raises(ValueError, match="did you mean 'irish-reel'"):
        scores.load_folk_tunes("irish-reals")
    with pytest.raises(ValueError, match="at least one style"):
        scores.load_folk_tunes([])
    with pytest.raises(ValueError, match="min_notes"):
        scores.load_folk_tunes(min_notes=0)
    with pytest.raises(ValueError, match="split must be"):
        scores.split_folk_tunes("tset")
    with pytest.raises(ValueError, match="'train' only, got 'test'"):
        scores.split_folk_tunes("test", unlabelled=True)


def test_without_music21_the_error_says_what_to_do(monkeypatch):
    import etudes.data.folk as folk_module

    monkeypatch.setattr(folk_module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match="pip install .*music21"):
        folk_module.corpus_folder()


def test_half_a_library_is_not_kept(monkeypatch):
    import etudes.data.folk as folk_module

    monkeypatch.setenv("ETUDES_PROGRESS", "0")
    monkeypatch.setattr(
        folk_module, "_texts", lambda: iter([("han", "han1", HEAD + "K:C\nCDEFGABc|\n")] * 20)
    )
    monkeypatch.setattr(folk_module, "notes_from_abc", lambda tunes: [None] * len(tunes))
    with pytest.raises(RuntimeError, match="20 of 20 tunes could not be read"):
        folk_module.build_folk_tunes()


def test_a_damaged_cache_is_built_again(monkeypatch, tmp_path, folk):
    small = {
        "pitches": np.arange(60, 80, dtype=np.int16),
        "durations": np.ones(20, np.float32),
        "rests": np.zeros(20, np.float32),
        "starts": np.array([0, 20]),
        "groups": np.array([0]),
    }
    for name in scores.TEXT_FIELDS:
        text = "china" if name == "style" else "x"
        small[name] = np.frombuffer(text.encode(), dtype=np.uint8)
    calls = []
    monkeypatch.setenv("ETUDES_CACHE", str(tmp_path))
    monkeypatch.setenv("ETUDES_PROGRESS", "0")
    monkeypatch.setattr(scores, "build_folk_tunes", lambda: calls.append(1) or small)
    assert len(scores.load_folk_tunes()) == 1
    (file,) = tmp_path.glob("*.npz")
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.warns(RuntimeWarning, match="damaged"):
        assert len(scores.load_folk_tunes()) == 1
    assert len(calls) == 2


# --- chorales -----------------------------------------------------------------------------------


def test_chorales_have_four_voices_that_sing_one_note_at_a_time():
    chorales = scores.load_bach_chorales()
    assert len(chorales) > 390
    for chorale in chorales:
        assert tuple(chorale.voices) == ("soprano", "alto", "tenor", "bass")
        means = []
        for voice in chorale.voices.values():
            assert voice.dtype == np.float32 and voice.shape[1] == 3
            pitch, onset, duration = voice.T
            assert (duration > 0).all() and (onset[1:] >= (onset + duration)[:-1] - 1e-3).all()
            assert pitch.min() >= 34 and pitch.max() <= 84
            means.append(pitch.mean())
        assert means == sorted(means, reverse=True), chorale
    assert len({chorale.chorale_id for chorale in chorales}) == len(chorales)


def test_harmonisations_of_one_hymn_share_a_group():
    chorales = {chorale.chorale_id: chorale for chorale in scores.load_bach_chorales()}
    passion = [chorales[f"bwv{bwv}"].group for bwv in ("244.54", "248.5", "153.5")]
    assert len(set(passion)) == 1  # O Haupt voll Blut und Wunden, under three titles
    assert chorales["bwv66.6"].group != passion[0]
    assert chorales["bwv269"].title == "Aus meines Herzens Grunde"
    assert (chorales["bwv269"].key, chorales["bwv269"].mode, chorales["bwv269"].metre) == (
        "G", "major", "3/4",
    )  # fmt: skip


@pytest.mark.parametrize("name", ["bwv66.6", "bwv248.9-s"])
def test_voices_are_those_that_music21_reads(name):
    corpus = pytest.importorskip("music21.corpus")
    ours = {c.chorale_id: c for c in scores.load_bach_chorales()}[name]
    theirs = corpus.parse(f"bach/{name}").stripTies()
    for part in theirs.parts:
        voice = part.partName.lower()
        if voice not in ours.voices:
            continue
        expected = [
            (n.pitch.midi, float(n.offset), float(n.quarterLength))
            for n in part.flatten().notes
            if n.quarterLength > 0
        ]
        np.testing.assert_allclose(ours.voices[voice], expected, atol=1e-4)


def test_a_file_that_is_no_score_is_refused(tmp_path):
    broken = tmp_path / "broken.xml"
    broken.write_text("<score-partwise><part")
    with pytest.raises(ValueError, match="path must be a MusicXML file"):
        read_parts(broken)
    broken.write_text("<html></html>")
    with pytest.raises(ValueError, match="partwise MusicXML file, got .* with <html>"):
        read_parts(broken)
