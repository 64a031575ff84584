"""Heads of people who do not exist: an egg with a face of bumps, each person's of other sizes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workloads.disentanglement.rendering.mesh import Floats, Mesh, join_meshes, mesh_of_rings, revolve

RINGS, AROUND = 72, 112
"""Points of a head from below to above, and around."""
PEOPLE = 2018
"""The people are drawn with this seed, and are always the same."""
NOSE_TIP, EYE_HEIGHT, MOUTH_HEIGHT = -0.12, 0.12, -0.42
"""Heights in a head that reaches from about -1 to 1."""


RANGES = {
    "width": (0.66, 0.84), "height": (0.92, 1.14), "jaw": (0.62, 1.0), "chin": (0.0, 0.1),
    "nose": (0.14, 0.26), "nose_width": (0.07, 0.11), "nose_length": (0.26, 0.36), "eyes": (0.25, 0.32),
    "sockets": (0.06, 0.12), "brow": (0.02, 0.08), "mouth": (0.17, 0.26), "lips": (0.02, 0.05),
    "cheeks": (0.0, 0.08), "forehead": (0.0, 0.08), "skin": (0.45, 0.95), "hair": (0.08, 0.6),
    "hairline": (0.35, 0.75), "beard": (0.0, 0.3),
}  # fmt: skip
"""Smallest and largest size of a head's parts, where half a head is about 1 high; how bright skin and hair are; and how
much of a beard there is.
"""


@dataclass(frozen=True)
class Person:
    """What tells people apart; see RANGES."""

    width: float
    height: float
    jaw: float
    chin: float
    nose: float
    nose_width: float
    nose_length: float
    eyes: float
    sockets: float
    brow: float
    mouth: float
    lips: float
    cheeks: float
    forehead: float
    skin: float
    hair: float
    hairline: float
    beard: float


def meet_person(number: int) -> Person:
    """The person of that number, each of whose sizes is drawn from its whole range."""
    shares = np.random.default_rng([PEOPLE, number]).uniform(size=len(RANGES)).tolist()
    return Person(**{
        name: low + (high - low) * share for (name, (low, high)), share in zip(RANGES.items(), shares, strict=True)
    })  # fmt: skip


def make_head(number: int) -> Mesh:
    """The head of a person, who looks along -y, z up; ``paint`` is how bright skin, hair, eyes and lips are."""
    person = meet_person(number)
    polar = np.linspace(-np.pi / 2, np.pi / 2, RINGS)[:, None]
    turn = 2 * np.pi * np.arange(AROUND)[None] / AROUND
    right, back, up = np.cos(polar) * np.cos(turn), np.cos(polar) * np.sin(turn), np.sin(polar) + 0 * turn
    low = np.maximum(-up, 0)
    x = person.width * right * (1 - (1 - person.jaw) * low**2)
    y = 0.88 * back * (1 - 0.12 * low)
    z = person.height * up
    y = y - features(person, x, z) * np.maximum(-back, 0)
    ears = bump(y, z, (0.1, 0.02), (0.13, 0.2)) * right**4
    x = x + np.sign(right) * 0.1 * ears
    skull = mesh_of_rings(np.stack([x, y, z], -1))
    neck = revolve(np.array([[0.46, -1.7], [0.42, -1.4], [0.36, -1.1], [0.36, -0.5]]), 32, paint=0.9 * person.skin)
    return join_meshes([skull.painted(tones(person, skull.vertices, ears.reshape(-1))), neck.moved((0, 0.18, 0))])


def bump(x: Floats, z: Floats, at: tuple[float, float], size: tuple[float, float]) -> Floats:
    """A smooth bump of height 1 at a place, of that size each way."""
    height: Floats = np.exp(-(((x - at[0]) / size[0]) ** 2) - ((z - at[1]) / size[1]) ** 2)
    return height


def features(person: Person, x: Floats, z: Floats) -> Floats:
    """How far a face comes forward at places to the right and above its middle."""
    aside, mouth = np.abs(x), MOUTH_HEIGHT
    # The bridge grows from between the eyes to the tip, below which it ends soon.
    bridge = np.clip((NOSE_TIP + person.nose_length - z) / person.nose_length, 0, 1)
    bridge = bridge * np.clip((z - NOSE_TIP) / 0.1 + 1, 0, 1)
    nose = person.nose * bridge**1.2 * np.exp(-((x / (person.nose_width * (0.65 + 0.5 * bridge))) ** 2))
    nostrils = 0.05 * bump(aside, z, (person.nose_width, NOSE_TIP - 0.02), (0.05, 0.06))
    sockets = -person.sockets * bump(aside, z, (person.eyes, EYE_HEIGHT + 0.01), (0.14, 0.1))
    eyeballs = 0.055 * bump(aside, z, (person.eyes, EYE_HEIGHT), (0.075, 0.06))
    brow = person.brow * bump(aside, z, (0.9 * person.eyes, 0.29), (0.2, 0.06))
    cheeks = person.cheeks * bump(aside, z, (0.36, -0.15), (0.16, 0.16))
    upper = person.lips * bump(x, z, (0, mouth + 0.045), (person.mouth, 0.035))
    lower = 1.15 * person.lips * bump(x, z, (0, mouth - 0.05), (0.85 * person.mouth, 0.04))
    slit = -0.03 * bump(x, z, (0, mouth), (person.mouth, 0.015))
    below = -0.03 * bump(x, z, (0, mouth - 0.15), (0.2, 0.05))
    chin = (0.05 + person.chin) * bump(x, z, (0, -0.76), (0.2, 0.14))
    forehead = person.forehead * bump(x, z, (0, 0.5), (0.35, 0.2))
    temples = -0.05 * bump(aside, z, (0.62, 0.2), (0.12, 0.25))
    parts = (nose, nostrils, sockets, eyeballs, brow, cheeks, upper, lower, slit, below, chin, forehead, temples)
    total: Floats = np.sum(parts, axis=0)
    return total


def tones(person: Person, vertices: Floats, ears: Floats) -> Floats:
    """How bright a head's vertices (V, 3) are, (V,). ``ears`` (V,) is 1 on the ears, where no hair grows."""
    x, y, z = vertices.T
    front, aside, mouth = np.where(y < -0.2, 1.0, 0.0), np.abs(x), MOUTH_HEIGHT
    lips = bump(x, z, (0, mouth + 0.03), (person.mouth, 0.05)) + bump(
        x, z, (0, mouth - 0.05), (0.9 * person.mouth, 0.05)
    )
    line = person.hairline - 0.25 * (aside / 0.7) ** 2
    hair = 1 / (1 + np.exp(-(z - line + 1.2 * np.clip(y + 0.25, -0.35, 0.9)) / 0.035))
    eyes = (person.eyes, EYE_HEIGHT)
    tone = np.full(len(x), person.skin)
    for cover, brightness in (
        (0.55 * front * np.minimum(lips, 1), 0.45 * person.skin),
        (0.9 * front * bump(x, z, (0, mouth), (person.mouth, 0.018)), 0.1),
        (0.8 * front * bump(aside, z, (person.eyes, 0.285), (0.15, 0.035)), 0.6 * person.hair),
        (front * np.minimum(1.6 * bump(aside, z, eyes, (0.085, 0.05)), 1), 0.92),
        (front * np.minimum(2.2 * bump(aside, z, eyes, (0.045, 0.055)), 1), 0.05),
        (np.where(z > -0.35, hair, 0) * (1 - np.minimum(1.5 * ears, 1)), person.hair),
        (person.beard * front * bump(x, z, (0, -0.6), (0.5, 0.25)), person.hair),
    ):
        tone = tone * (1 - cover) + brightness * cover
    return tone
