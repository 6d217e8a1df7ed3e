"""Players in a real browser: they sound, switch in place, obey keys, and are accessible.

The page is opened from a folder, as a reader without a server would, and every request for
anything else fails the test. Sound is started by a real click or key, as browsers demand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import BROWSER_FLAGS, find_browser

from etudes.listen import Still, compare, piano_roll, play, spectrogram

pytestmark = pytest.mark.page

RATE = 8000
SECONDS = 4.0
TIME = np.arange(int(RATE * SECONDS)) / RATE
LOW = 0.4 * np.sin(2 * np.pi * 220 * TIME)
HIGH = 0.2 * np.sin(2 * np.pi * 880 * TIME)
NOISE = 0.1 * np.random.default_rng(0).standard_normal(len(TIME))
NOTES = np.array([[60, 0, 2], [64, 2, 2], [67, 4, 4]])

THEMES = {"light": ("#ffffff", "#323232"), "dark": ("#121212", "#ced6dd")}


def three_takes() -> Still:
    return compare(
        {"Low": LOW, "High": HIGH, "Noise": NOISE},
        RATE,
        title="Three takes",
        description="Two tones and a noise.",
    )


def page_html(players: list[Still], theme: str = "light") -> str:
    """A page with players, with nothing else that could help or hinder them."""
    background, colour = THEMES[theme]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Players</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"></head>'
        f'<body style="background:{background};color:{colour}"><main><h1>Players</h1>'
        f"{'<hr>'.join(player.html for player in players)}</main></body></html>"
    )


@pytest.fixture
def show(browser, tmp_path: Path) -> Iterator[Callable]:
    """Open players in a fresh page; afterwards, fail on script errors and on requests."""
    contexts, wrong = [], []

    def opened(players: list[Still], theme: str = "light", **options):
        file = tmp_path / f"page{len(contexts)}.html"
        file.write_text(page_html(players, theme), "utf-8")
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(f"script error: {error}"))
        page.on(
            "request",
            lambda request: (
                request.url.startswith(("data:", file.as_uri()))
                or wrong.append(f"request for {request.url[:80]}")
            ),
        )
        page.goto(file.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


def state(page, number: int = 0) -> dict:
    """What the player with this number is doing."""
    return page.evaluate(f"document.querySelectorAll('.etudes-sound')[{number}].etudes.state()")


def wait_for(page, condition: str, number: int = 0) -> None:
    """Wait until a condition on ``state`` holds."""
    player = f"document.querySelectorAll('.etudes-sound')[{number}]"
    page.wait_for_function(f"(state => {condition})({player}.etudes.state())")


def start(page, number: int = 0) -> None:
    """Press Play and wait until something is heard."""
    page.locator(".etudes-play").nth(number).click()
    wait_for(page, "state.playing && state.position > 0.05", number)


def test_it_plays_after_a_click_and_the_clock_advances(show) -> None:
    page = show([three_takes()])
    assert state(page)["clock"] == 0  # no sound, no clock, before the reader asks for it
    start(page)
    first = state(page)
    wait_for(page, f"state.clock > {first['clock'] + 0.3}")
    second = state(page)
    heard = second["position"] - first["position"]
    assert heard == pytest.approx(second["clock"] - first["clock"], abs=0.1)
    assert page.locator(".etudes-play").inner_text().strip() == "Pause"
    cursor = page.locator(".etudes-cursor").evaluate("e => parseFloat(e.style.left)")
    assert cursor > 100 * first["position"] / SECONDS


def test_sound_comes_out_of_it(show) -> None:
    page = show([three_takes()])
    # Listen in at the loudspeaker: every connection to it passes through an analyser as well.
    page.evaluate(
        """() => {
            const connect = AudioNode.prototype.connect;
            AudioNode.prototype.connect = function (to, ...rest) {
                if (to instanceof AudioDestinationNode) {
                    window.ear = new AnalyserNode(this.context, { fftSize: 8192 });
                    connect.call(this, window.ear);
                }
                return connect.call(this, to, ...rest);
            };
        }"""
    )
    loudest = """() => {
        const levels = new Float32Array(ear.frequencyBinCount);
        ear.getFloatFrequencyData(levels);
        const bin = levels.indexOf(Math.max(...levels));
        return bin * ear.context.sampleRate / ear.fftSize;
    }"""
    start(page)
    page.wait_for_timeout(400)
    assert page.evaluate(loudest) == pytest.approx(220, abs=12)
    page.keyboard.press("2")
    page.wait_for_timeout(400)
    assert page.evaluate(loudest) == pytest.approx(880, abs=12)


@pytest.mark.parametrize("by", ["key", "click"])
def test_takes_switch_at_the_same_position(show, by) -> None:
    page = show([three_takes()])
    start(page)
    wait_for(page, "state.position > 0.6")
    before = state(page)
    assert before["gains"] == [1, 0, 0]
    if by == "key":
        page.keyboard.press("3")
    else:
        page.locator(".etudes-choice").nth(2).click()
    wait_for(page, "state.gains[2] === 1 && state.gains[0] === 0")
    after = state(page)
    assert after["take"] == 2
    assert after["playing"]
    passed = after["clock"] - before["clock"]
    assert after["position"] - before["position"] == pytest.approx(passed, abs=0.03)
    pressed = page.locator(".etudes-choice").evaluate_all("all => all.map(e => e.ariaPressed)")
    assert pressed == ["false", "false", "true"]
    visible = page.locator(".etudes-take").evaluate_all(
        "all => all.map(e => getComputedStyle(e).visibility)"
    )
    assert visible == ["hidden", "hidden", "visible"]


def test_the_switch_is_a_crossfade_without_a_gap(show) -> None:
    page = show([three_takes()])
    start(page)
    sums = page.evaluate(
        """() => new Promise((done) => {
            const root = document.querySelector(".etudes-sound"), seen = [];
            root.querySelectorAll(".etudes-choice")[1].click();
            const look = () => {
                const { gains } = root.etudes.state();
                seen.push(gains);
                gains[1] === 1 ? done(seen) : setTimeout(look, 1);
            };
            look();
        })"""
    )
    for gains in sums:
        assert sum(gains) == pytest.approx(1, abs=0.02)


def test_keys_move_the_cursor_and_pause(show) -> None:
    page = show([three_takes()])
    page.keyboard.press("Tab")  # from the top of the page to the first control
    assert page.evaluate("document.activeElement.className") == "etudes-play"
    left = "parseFloat(document.querySelector('.etudes-cursor').style.left)"
    for key, position in [
        ("ArrowRight", 0.5),
        ("ArrowRight", 1.0),
        ("ArrowLeft", 0.5),
        ("ArrowLeft", 0.0),
        ("ArrowLeft", 0.0),
        ("End", SECONDS),
        ("ArrowRight", SECONDS),
        ("Home", 0.0),
    ]:
        page.keyboard.press(key)
        assert state(page)["position"] == pytest.approx(position)
        assert page.evaluate(left) == pytest.approx(100 * position / SECONDS)
    page.keyboard.press("Space")
    wait_for(page, "state.playing && state.position > 0.1")
    page.keyboard.press("ArrowRight")
    wait_for(page, "state.playing && state.position > 0.6")
    page.keyboard.press("Space")
    stopped = state(page)
    assert not stopped["playing"]
    page.wait_for_timeout(200)
    assert state(page)["position"] == stopped["position"]
    page.keyboard.press("Space")
    wait_for(page, f"state.playing && state.position > {stopped['position'] + 0.05}")


def test_space_presses_another_take_and_pauses_on_the_chosen_one(show) -> None:
    page = show([three_takes()])
    start(page)
    page.locator(".etudes-choice").nth(1).focus()
    page.keyboard.press("Space")
    assert (state(page)["take"], state(page)["playing"]) == (1, True)
    page.keyboard.press("Space")
    assert (state(page)["take"], state(page)["playing"]) == (1, False)


def test_keys_with_modifiers_and_unknown_takes_are_left_alone(show) -> None:
    page = show([three_takes()])
    page.locator(".etudes-play").focus()
    page.keyboard.press("Control+2")
    page.keyboard.press("Alt+2")
    page.keyboard.press("7")
    assert state(page)["take"] == 0


def test_focus_can_be_seen_on_every_control(show) -> None:
    page = show([three_takes()])
    reached = []
    for _ in range(6):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.className"))
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", reached
    assert reached == ["etudes-play", *["etudes-choice"] * 3, "etudes-loop", "etudes-seek"]


def test_a_click_on_the_picture_seeks(show) -> None:
    page = show([three_takes()])
    box = page.locator(".etudes-seek").bounding_box()
    page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 40)
    assert state(page)["position"] == pytest.approx(3, abs=0.02)
    start(page)
    page.mouse.click(box["x"] + 0.25 * box["width"], box["y"] + 40)
    assert state(page)["position"] == pytest.approx(1, abs=0.1)
    assert state(page)["playing"]
    page.mouse.move(box["x"] + 10, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 40, steps=3)
    page.mouse.up()
    assert state(page)["position"] == pytest.approx(2, abs=0.15)


def test_the_picture_lies_exactly_under_the_seek_bar(show) -> None:
    for players in ([three_takes()], [play(LOW, RATE, picture=None)]):
        page = show(players)
        seek = page.locator(".etudes-seek").bounding_box()
        picture = page.locator(".etudes-view > :first-child").first.bounding_box()
        for side in ("x", "y", "width", "height"):
            assert seek[side] == pytest.approx(picture[side], abs=0.6)


def test_it_stops_at_the_end_and_starts_over(show) -> None:
    page = show([play(LOW[: RATE // 2], RATE)])
    page.locator(".etudes-play").click()
    wait_for(page, "state.playing")
    wait_for(page, "!state.playing")
    assert state(page)["position"] == pytest.approx(0.5, abs=0.001)
    page.locator(".etudes-play").click()
    wait_for(page, "state.playing && state.position < 0.45")


def test_a_loop_goes_on(show) -> None:
    page = show([play(LOW[: RATE // 4], RATE)])
    loop = page.locator(".etudes-loop")
    assert loop.get_attribute("aria-pressed") == "false"
    loop.click()
    assert loop.get_attribute("aria-pressed") == "true"
    page.locator(".etudes-play").click()
    wait_for(page, "state.playing && state.clock > 1")
    assert state(page)["position"] < 0.25
    loop.click()
    wait_for(page, "!state.playing")


def test_two_players_never_sound_at_once(show) -> None:
    page = show([three_takes(), play(HIGH, RATE), play(LOW, RATE)])
    start(page, 0)
    start(page, 1)
    assert [state(page, i)["playing"] for i in range(3)] == [False, True, False]
    start(page, 0)
    assert [state(page, i)["playing"] for i in range(3)] == [True, False, False]
    # Two quick clicks while the first is still being decoded.
    page.evaluate(
        "document.querySelectorAll('.etudes-play')[2].click();"
        "document.querySelectorAll('.etudes-play')[1].click()"
    )
    wait_for(page, "state.playing", 1)
    page.wait_for_timeout(300)
    assert [state(page, i)["playing"] for i in range(3)] == [False, True, False]


def test_players_in_two_frames_never_sound_at_once(browser, tmp_path: Path) -> None:
    """Colab puts each output into a frame of its own."""
    for i in range(2):
        (tmp_path / f"{i}.html").write_text(page_html([play(LOW, RATE, loop=True)]), "utf-8")
    frames = "".join(f'<iframe src="{i}.html" width="600" height="400"></iframe>' for i in range(2))
    (tmp_path / "index.html").write_text(frames, "utf-8")
    page = browser.new_page()
    # Files are strangers to each other; a page with an address has frames of one origin.
    page.route(
        "http://book.test/**",
        lambda route: route.fulfill(
            body=(tmp_path / route.request.url.rsplit("/", 1)[1]).read_text("utf-8"),
            content_type="text/html; charset=utf-8",
        ),
    )
    page.goto("http://book.test/index.html")
    first, second = page.frames[1], page.frames[2]
    start(first)
    start(second)
    wait_for(first, "!state.playing")
    assert state(second)["playing"]
    page.close()


def test_a_player_taken_off_the_page_falls_silent(show) -> None:
    page = show([play(LOW, RATE)])
    start(page)
    kept = page.evaluate_handle("document.querySelector('.etudes-sound')")
    page.evaluate("document.querySelector('.etudes-sound').remove()")
    page.wait_for_function("root => !root.etudes.state().playing", arg=kept)


def test_running_the_script_again_changes_nothing(show) -> None:
    player = three_takes()
    page = show([player, player])
    script = re.findall(r"<script>(.*?)</script>", player.html, re.S)[0]
    page.evaluate(script)
    assert page.locator(".etudes-bar").count() == 2
    start(page, 0)
    page.evaluate(script)
    assert state(page, 0)["playing"]


def test_without_script_the_browsers_own_controls_remain(show) -> None:
    page = show([three_takes(), play(LOW, RATE)], java_script_enabled=False)
    audio = page.locator("audio")
    assert audio.count() == 4
    for i in range(4):
        assert audio.nth(i).is_visible()
    assert page.locator(".etudes-name").first.is_visible()
    assert page.get_by_text("1.00 s").count() == 0
    assert page.get_by_text("4.00 s, peak").count() == 4
    assert page.locator("img").count() == 4


def test_without_web_audio_the_browsers_own_controls_come_back(show) -> None:
    page = show([three_takes()])
    page.evaluate(
        "() => { AudioContext.prototype.decodeAudioData = () => Promise.reject(Error('no')); }"
    )
    page.locator(".etudes-play").click()
    page.locator("audio").first.wait_for(state="visible")
    assert "could not decode" in page.locator(".etudes-problem").inner_text()
    assert page.locator(".etudes-play").count() == 0


def test_a_player_blocked_by_the_browser_says_so(browser, tmp_path: Path) -> None:
    """Started by a script, not by the reader, in a browser that lets no page sound unasked."""
    flags = [flag for flag in BROWSER_FLAGS if "autoplay" not in flag]
    flags.append("--autoplay-policy=document-user-activation-required")
    strict = browser.browser_type.launch(executable_path=find_browser(), args=flags)
    page = strict.new_page()
    # Not through Playwright's own ways, which count as the reader's doing.
    click = "<script>document.querySelector('.etudes-play').click()</script>"
    file = tmp_path / "page.html"
    file.write_text(page_html([play(LOW, RATE)]).replace("</main>", "</main>" + click), "utf-8")
    page.goto(file.as_uri())
    page.locator(".etudes-problem:not(:empty)").wait_for()
    assert "press Play once more" in page.locator(".etudes-problem").inner_text()
    assert not state(page)["playing"]
    start(page)  # a real click
    assert page.locator(".etudes-problem").text_content() == ""
    strict.close()


def test_reduced_motion_moves_the_cursor_in_steps(show) -> None:
    moves = """() => new Promise((done) => {
        const cursor = document.querySelector(".etudes-cursor");
        let count = 0;
        new MutationObserver(() => count++).observe(cursor, { attributes: true });
        setTimeout(() => done(count), 1000);
    })"""
    counts = {}
    for motion in ("no-preference", "reduce"):
        page = show([play(LOW, RATE)], reduced_motion=motion)
        start(page)
        counts[motion] = page.evaluate(moves)
    assert counts["reduce"] <= 3
    assert counts["no-preference"] > 8


@pytest.mark.parametrize(
    ("theme", "width", "script"),
    [
        ("light", 1200, True),
        ("light", 360, True),
        ("dark", 1200, True),
        ("dark", 360, True),
        ("light", 360, False),
    ],
)
def test_axe_finds_nothing_and_nothing_sticks_out(show, theme, width, script) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    players = [
        three_takes(),
        play(LOW, RATE),
        play(LOW, RATE, title="Waveform", picture="waveform", loop=True),
        play(LOW, RATE, picture=None),
        play(np.zeros(RATE), RATE, title="Silence"),
        compare({f"take {i}": LOW[:800] for i in range(9)}, RATE),
        spectrogram(LOW, RATE, description="A tone."),
        piano_roll({"high": NOTES, "low": NOTES - [12, 0, 0]}, title="Two voices"),
        piano_roll(NOTES, waveform=LOW, sample_rate=RATE),
    ]
    page = show(players, theme, viewport={"width": width, "height": 900})
    if script:
        start(page)
    else:  # as the page stands before, or without, its script
        page.evaluate(
            """() => {
                const all = (css) => document.querySelectorAll(css);
                all(".etudes-bar, .etudes-seek").forEach((element) => element.remove());
                all(".etudes-on").forEach((element) => element.classList.remove("etudes-on"));
            }"""
        )
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    results = axe.Axe().run(page).response
    found = [(v["id"], [n["html"][:120] for n in v["nodes"]]) for v in results["violations"]]
    assert found == []
    contrast = [p for p in results["passes"] if p["id"] == "color-contrast"]
    assert contrast, "axe did not look at contrast"
