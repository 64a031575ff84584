"""What can be set of every method and data set of disentanglement. Imports no compute library."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Model:
    """``benchmark.model`` of every method; methods/NAME_config.py adds what a method has of its own."""

    latent: int
    """Codes of an image."""
    predicts: str
    """What ``mode=inference`` times: encoding to "codes", decoding to "images", or "both"."""


@dataclass
class DatasetOptions:
    """``benchmark.dataset`` of every data set."""

    source: str
    """"stand-in" or "real"."""
    version: str
    """Of the data from ``source``."""
    split: str
    """"all": methods see no factors, so they train on all images and are judged on some or all of the same."""
    preset: str
    """Names the folder of the data made here."""
    seed: int
    """What the evaluation images are drawn with."""
    stride: int
    """Every so many of a factor's values are there, from the first; 1: all."""
    evaluation_images: int | None
    """How many of the images quality is measured on; null: all."""
