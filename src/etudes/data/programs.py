"""The instruments of General MIDI: names, families, and which of them are held out for testing.

The idea in a sentence: a program number names a sound, eight neighbours make a family, and the
split runs between families, so that no test instrument has a close relative among the training
ones.

Names and families are those of General MIDI Level 1 (MIDI Manufacturers Association, 1991), in
lower case. Chapters 2 and 6 use the split.
"""

from __future__ import annotations

from etudes.checks import check_in, check_positive_int

FAMILIES: tuple[str, ...] = (
    "piano", "chromatic percussion", "organ", "guitar", "bass", "strings", "ensemble", "brass",
    "reed", "pipe", "synth lead", "synth pad", "synth effects", "ethnic", "percussive",
    "sound effects",
)  # fmt: skip
"""The 16 families of General MIDI; programs 8 * i to 8 * i + 7 belong to family i."""

PROGRAMS: tuple[str, ...] = (
    "acoustic grand piano", "bright acoustic piano", "electric grand piano", "honky-tonk piano",
    "electric piano 1", "electric piano 2", "harpsichord", "clavinet",
    "celesta", "glockenspiel", "music box", "vibraphone",
    "marimba", "xylophone", "tubular bells", "dulcimer",
    "drawbar organ", "percussive organ", "rock organ", "church organ",
    "reed organ", "accordion", "harmonica", "tango accordion",
    "nylon guitar", "steel guitar", "jazz guitar", "clean guitar",
    "muted guitar", "overdriven guitar", "distortion guitar", "guitar harmonics",
    "acoustic bass", "fingered bass", "picked bass", "fretless bass",
    "slap bass 1", "slap bass 2", "synth bass 1", "synth bass 2",
    "violin", "viola", "cello", "contrabass",
    "tremolo strings", "pizzicato strings", "orchestral harp", "timpani",
    "string ensemble 1", "string ensemble 2", "synth strings 1", "synth strings 2",
    "choir aahs", "voice oohs", "synth voice", "orchestra hit",
    "trumpet", "trombone", "tuba", "muted trumpet",
    "french horn", "brass section", "synth brass 1", "synth brass 2",
    "soprano sax", "alto sax", "tenor sax", "baritone sax",
    "oboe", "english horn", "bassoon", "clarinet",
    "piccolo", "flute", "recorder", "pan flute",
    "blown bottle", "shakuhachi", "whistle", "ocarina",
    "square lead", "sawtooth lead", "calliope lead", "chiff lead",
    "charang lead", "voice lead", "fifths lead", "bass and lead",
    "new age pad", "warm pad", "polysynth pad", "choir pad",
    "bowed pad", "metallic pad", "halo pad", "sweep pad",
    "rain", "soundtrack", "crystal", "atmosphere",
    "brightness", "goblins", "echoes", "sci-fi",
    "sitar", "banjo", "shamisen", "koto",
    "kalimba", "bagpipe", "fiddle", "shanai",
    "tinkle bell", "agogo", "steel drums", "woodblock",
    "taiko drum", "melodic tom", "synth drum", "reverse cymbal",
    "guitar fret noise", "breath noise", "seashore", "bird tweet",
    "telephone ring", "helicopter", "applause", "gunshot",
)  # fmt: skip
"""Names of the 128 General MIDI programs; the index is the program number."""

UNUSABLE: dict[int, str] = {
    78: "the soundfont has no sound for its pitches 79 to 101, and other players of it read "
    "outside the sample and return noise that differs from run to run",
}
"""Programs that are refused, with the reason."""

USABLE_PROGRAMS: tuple[int, ...] = tuple(p for p in range(119) if p not in UNUSABLE)
"""Programs that make a class: without those refused and without the effects 119 to 127."""

TEST_PROGRAMS: tuple[int, ...] = (*range(16, 24), *range(40, 48), *range(64, 72), *range(88, 96))
"""Organs, strings, reeds and synth pads: never trained on, never used to choose anything."""

VALIDATION_PROGRAMS: tuple[int, ...] = (*range(24, 32), *range(56, 64))
"""Guitars and brass: for choosing hyperparameters and for stopping early."""

TRAIN_PROGRAMS: tuple[int, ...] = tuple(
    p for p in USABLE_PROGRAMS if p not in TEST_PROGRAMS and p not in VALIDATION_PROGRAMS
)
"""All other usable programs."""


def program_number(program: int | str) -> int:
    """Number of a General MIDI program, from its number or name.

    Parameters
    ----------
    program
        0 to 127, or a name from :data:`PROGRAMS` in any case.

    Returns
    -------
    int
        0 to 127.

    Raises
    ------
    ValueError
        When there is no such program (the message suggests the nearest name), or when it is one
        of :data:`UNUSABLE` (the message says why).
    TypeError
        When it is neither a whole number nor text.
    """
    if isinstance(program, str):
        number = PROGRAMS.index(check_in(program.strip().lower(), "program", PROGRAMS))
    else:
        number = check_positive_int(program, "program", allow_zero=True)
        if number > 127:
            raise ValueError(f"program must lie between 0 and 127, got {number}")
    if number in UNUSABLE:
        raise ValueError(f"program {label(number)} is left out: {UNUSABLE[number]}")
    return number


def label(program: int) -> str:
    """Number and name of a program, as messages give them.

    Parameters
    ----------
    program
        0 to 127.

    Returns
    -------
    str
        For example ``"73 (flute)"``.
    """
    return f"{program} ({PROGRAMS[program]})"
