"""The project's own layers compute what torch's do, and leave to torch what they cannot."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from workloads.runtime.kernels import (
    BatchNorm,
    Convolution,
    KernelsUnavailableError,
    RectifiedNorm,
    load_kernels,
    use_kernels,
)
from workloads.runtime.kernels.convolution import gradient_by_pixels, gradient_by_tiles, minimal_filter
from workloads.runtime.kernels.library import FLAGS
from workloads.stemdl.model import ResNet

Results = list[Tensor]


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(1)


def images(*shape: int) -> Tensor:
    return torch.randn(*shape).to(memory_format=torch.channels_last)


def assert_close(found: Results, truth: Results, tolerance: float) -> None:
    """Within so much of the largest element of each."""
    for one, other in zip(found, truth, strict=True):
        error = (one.detach().double() - other.detach().double()).abs().max()
        assert error <= tolerance * other.detach().abs().max(), f"{error} of {other.abs().max()}"


# --- batch normalisation ------------------------------------------------------------------------------------------


def outcome(layer: BatchNorm, x: Tensor, shortcut: Tensor | None, upstream: Tensor) -> Results:
    """What comes out, all gradients and the running statistics."""
    dtype = layer.weight.dtype
    given = [part.detach().to(dtype).requires_grad_() for part in (x, shortcut) if part is not None]
    result = layer(*given)
    gradients = torch.autograd.grad(result, [*given, layer.weight, layer.bias], upstream.to(dtype))
    return [result, *gradients, layer.running_mean, layer.running_var, layer.num_batches_tracked]


def trained(features: int, activate: bool) -> BatchNorm:
    """A layer whose parameters are no longer what they begin as."""
    layer = BatchNorm(features, activate)
    nn.init.uniform_(layer.weight, -1, 2)
    nn.init.normal_(layer.bias)
    return layer


@pytest.mark.parametrize("activate", [True, False])
@pytest.mark.parametrize("with_shortcut", [True, False])
@pytest.mark.parametrize("shape", [(5, 37, 6, 7), (4, 3, 1, 2), (3, 64, 16, 16)])
def test_normalisation_shortcut_and_activation_are_torchs_with_their_gradients(
    activate: bool, with_shortcut: bool, shape: tuple[int, int, int, int]
) -> None:
    layer = trained(shape[1], activate)
    truth = copy.deepcopy(layer).double()
    use_kernels(layer)
    x, upstream = images(*shape), images(*shape)
    shortcut = images(*shape) if with_shortcut else None
    found = outcome(layer, x, shortcut, upstream)
    assert_close(found, outcome(truth, x, shortcut, upstream), 2e-5)


def test_a_mean_that_is_large_beside_the_deviation_costs_no_digits() -> None:
    layer = trained(8, True)
    truth = copy.deepcopy(layer).double()
    use_kernels(layer)
    x, upstream = images(4, 8, 32, 32) + 1000, images(4, 8, 32, 32)
    found, expected = outcome(layer, x, None, upstream), outcome(truth, x, None, upstream)
    # x itself is rounded to 6e-5 of the deviation.
    assert_close(found, expected, 2e-4)
    torch.testing.assert_close(found[-2].double(), expected[-2], rtol=1e-6, atol=0)


def test_what_is_no_number_stays_none() -> None:
    layer = BatchNorm(2)
    use_kernels(layer)
    x = images(2, 2, 4, 4)
    x[0, 1, 2, 2] = torch.nan
    result = layer(x)
    assert result[:, 1].isnan().all() and not result[:, 0].isnan().any()


def test_one_thread_and_two_give_the_same() -> None:
    layer = trained(16, True)
    use_kernels(layer)
    x, upstream = images(3, 16, 11, 13), images(3, 16, 11, 13)
    threads, found = torch.get_num_threads(), []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            found.append(outcome(copy.deepcopy(layer), x, None, upstream))
    finally:
        torch.set_num_threads(threads)
    assert_close(found[0], found[1], 1e-5)


@pytest.mark.parametrize("case", ["evaluation", "another layout", "bfloat16", "autocast"])
def test_what_the_kernels_are_not_for_is_done_by_torch(case: str) -> None:
    layer = trained(4, True)
    plain = copy.deepcopy(layer)
    use_kernels(layer)
    x = images(2, 4, 6, 6)
    if case == "evaluation":
        layer.eval(), plain.eval()
    elif case == "another layout":
        x = x.contiguous()
    elif case == "bfloat16":
        x = x.bfloat16()
    with torch.autocast("cpu", torch.bfloat16, enabled=case == "autocast"):
        found, expected = layer(x), plain(x)
    assert found.dtype == expected.dtype and torch.equal(found, expected)


def test_one_pixel_has_no_variance() -> None:
    layer = BatchNorm(4)
    use_kernels(layer)
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        layer(images(1, 4, 1, 1))


# --- ReLU, then batch normalisation ------------------------------------------------------------------------------


def rectified(features: int) -> RectifiedNorm:
    """A layer whose parameters are no longer what they begin as."""
    layer = RectifiedNorm(features)
    nn.init.uniform_(layer.weight, -1, 2)
    nn.init.normal_(layer.bias)
    return layer


def rectified_outcome(layer: RectifiedNorm, x: Tensor, upstream: Tensor) -> Results:
    """What comes out, all gradients and the running statistics."""
    given = x.detach().requires_grad_()
    # The layer may overwrite what it is given, so that is no leaf.
    result = layer(given * 1)
    gradients = torch.autograd.grad(result, [given, layer.weight, layer.bias], upstream)
    return [result, *gradients, layer.running_mean, layer.running_var, layer.num_batches_tracked]


@pytest.mark.parametrize("shape", [(5, 8, 6, 8), (2, 1, 8, 8), (3, 64, 16, 15), (4, 16, 1, 1)])
def test_a_rectified_normalisation_is_that_of_more_digits_but_for_rounding(shape: tuple[int, int, int, int]) -> None:
    layer = rectified(shape[1])
    truth = copy.deepcopy(layer).double()
    use_kernels(layer, "bfloat16")
    x, upstream = images(*shape).bfloat16(), images(*shape).bfloat16()
    found = rectified_outcome(layer, x, upstream)
    expected = rectified_outcome(truth, x.double(), upstream.double())
    # Half of bfloat16's last place; what is kept in float32 has its digits.
    assert_close(found[:2], expected[:2], 2**-8)
    assert_close(found[2:], expected[2:], 1e-5)


def test_what_is_no_number_stays_none_through_a_rectified_normalisation() -> None:
    layer = rectified(8)
    use_kernels(layer, "bfloat16")
    x = images(2, 8, 8, 8).bfloat16()
    x[0, 3, 2, 2] = torch.nan
    assert layer(x)[:, 3].isnan().all() and not layer(x)[:, 4].isnan().any()


@pytest.mark.parametrize("case", ["evaluation", "another layout", "float32", "channels", "numbers"])
def test_what_the_rectified_kernels_are_not_for_is_done_by_torch(case: str) -> None:
    layer = rectified(12 if case == "channels" else 4)
    plain = copy.deepcopy(layer)
    use_kernels(layer, "bfloat16")
    x = images(2, 12 if case == "channels" else 4, 3 if case == "numbers" else 8, 8).bfloat16()
    x = x[:, :, :, :3] if case == "numbers" else x
    if case == "evaluation":
        layer.eval(), plain.eval()
    elif case == "another layout":
        x = x.contiguous()
    elif case == "float32":
        x = x.float()
    found, expected = layer(x.clone(memory_format=torch.preserve_format)), plain(x.clone())
    assert found.dtype == expected.dtype and torch.equal(found, expected)


def test_each_precision_has_layers_of_its_own() -> None:
    model = nn.Sequential(BatchNorm(4), RectifiedNorm(4))
    assert use_kernels(model, "bfloat16") and [layer.kernels for layer in model] == [False, True]
    assert not use_kernels(model[:1], "bfloat16")


# --- convolutions -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tile", [2, 4])
def test_winograds_matrices_make_a_convolution_of_products(tile: int) -> None:
    b_transposed, a, g_transposed = minimal_filter(tile)
    random = np.random.default_rng(1)
    signal, weights = random.normal(size=tile + 2), random.normal(size=3)
    found = a.T @ ((g_transposed.T @ weights) * (b_transposed @ signal))
    np.testing.assert_allclose(found, np.correlate(signal, weights), rtol=1e-12, atol=1e-12)


def weight_gradient(x: Tensor, upstream: Tensor, kernel: int) -> Tensor:
    """torch's, in float64."""
    shape = (upstream.shape[1], x.shape[1], kernel, kernel)
    found: Tensor = torch.nn.grad.conv2d_weight(x.double(), shape, upstream.double(), padding=kernel // 2)
    return found


@pytest.mark.parametrize("shape", [(2, 8, 8), (3, 4, 12), (1, 16, 4)])
@pytest.mark.parametrize("tile", [2, 4])
def test_a_weight_gradient_by_tiles_is_the_convolutions(tile: int, shape: tuple[int, int, int]) -> None:
    n, height, width = shape
    x, upstream = images(n, 5, height, width), images(n, 7, height, width)
    assert_close([gradient_by_tiles(x, upstream, tile)], [weight_gradient(x, upstream, 3)], 2e-5)


def test_it_is_as_exact_as_torchs_own_where_it_takes_its_place() -> None:
    x, upstream = images(32, 128, 8, 8), images(32, 128, 8, 8)
    truth = weight_gradient(x, upstream, 3)
    assert_close([gradient_by_tiles(x, upstream, 2)], [truth], 2e-6)
    assert_close([gradient_by_tiles(x, upstream, 4)], [truth], 2e-5)


def test_a_weight_gradient_by_pixels_is_the_convolutions() -> None:
    x, upstream = images(3, 5, 4, 6), images(3, 7, 4, 6)
    assert_close([gradient_by_pixels(x, upstream)], [weight_gradient(x, upstream, 1)], 1e-6)


def is_own(layer: Convolution, x: Tensor) -> bool:
    """Whether the layer's weight gradient is the project's."""
    use_kernels(layer)
    return "ByProducts" in str(layer(x).grad_fn)


@pytest.mark.parametrize(
    ("own", "layer", "shape"),
    [
        (True, Convolution(128, 128, 3, padding=1, bias=False), (2, 128, 8, 8)),
        (True, Convolution(64, 256, 1, bias=False), (2, 64, 8, 8)),
        (False, Convolution(64, 64, 3, padding=1, bias=False), (2, 64, 8, 8)),
        (False, Convolution(128, 128, 3, padding=1, bias=False), (2, 128, 7, 8)),
        (False, Convolution(128, 128, 3, stride=2, padding=1, bias=False), (2, 128, 8, 8)),
        (False, Convolution(128, 128, 3, padding=1, bias=True), (2, 128, 8, 8)),
        (False, Convolution(128, 128, 3, padding=1, groups=2, bias=False), (2, 128, 8, 8)),
        (False, Convolution(128, 128, 3, bias=False), (2, 128, 8, 8)),
        (False, Convolution(8, 8, 1, bias=False), (2, 8, 96, 96)),
    ],
    ids=str,
)
def test_only_convolutions_that_become_faster_are_taken(
    own: bool, layer: Convolution, shape: tuple[int, int, int, int]
) -> None:
    x = images(*shape)
    assert is_own(layer, x) == own
    assert not is_own(layer.eval(), x)
    assert not is_own(layer.train(), x.contiguous())


@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("frozen", ["", "weight", "input"])
def test_a_convolution_gives_all_gradients_that_are_asked_for(kernel: int, frozen: str) -> None:
    layer = Convolution(128, 128, kernel, padding=kernel // 2, bias=False)
    layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    truth = copy.deepcopy(layer).double()
    x, upstream = images(2, 128, 8, 8), images(2, 128, 8, 8)
    use_kernels(layer)
    gradients: list[Results] = []
    for one in (layer, truth):
        one.weight.requires_grad_(frozen != "weight")
        given = x.detach().to(one.weight.dtype).requires_grad_(frozen != "input")
        result = one(given)
        result.backward(upstream.to(result.dtype))
        gradients.append([result, *(part.grad for part in (given, one.weight) if part.grad is not None)])
    assert len(gradients[0]) == len(gradients[1]) == (2 if frozen else 3)
    assert_close(gradients[0], gradients[1], 2e-5)


# --- a network ----------------------------------------------------------------------------------------------------


def test_a_residual_networks_gradients_are_as_near_to_the_exact_ones_as_torchs() -> None:
    inputs, classes = images(8, 3, 64, 64), torch.randint(231, (8,))
    model = ResNet(18, 64)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    own, exact = copy.deepcopy(model), copy.deepcopy(model).double()
    use_kernels(own)
    losses: list[Tensor] = []
    gradients: list[Tensor] = []
    for one in (exact, model, own):
        loss = nn.functional.cross_entropy(one(inputs.to(next(one.parameters()).dtype)), classes)
        loss.backward()
        losses.append(loss.detach().double())
        found = [parameter.grad for parameter in one.parameters()]
        gradients.append(torch.cat([part.double().flatten() for part in found if part is not None]))
    torchs, ours = (float((found - gradients[0]).norm() / gradients[0].norm()) for found in gradients[1:])
    # So many layers of normalisation and ReLU make much of a rounding: up to a per cent of the gradient.
    assert ours < 1.5 * torchs < 0.05
    torch.testing.assert_close(losses[2], losses[0], rtol=1e-5, atol=0)


def test_a_model_says_whether_it_has_such_layers() -> None:
    assert use_kernels(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(BatchNorm(4))))
    assert not use_kernels(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)))


# --- the library --------------------------------------------------------------------------------------------------


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache; what is kept in it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    return tmp_path / "orchestrator" / "kernels"


def load_anew() -> None:
    load_kernels.__wrapped__()


def test_the_kernels_are_compiled_once(fresh: Path) -> None:
    load_anew()
    (kept,) = fresh.iterdir()
    built = kept.stat().st_mtime_ns
    load_anew()
    assert [path.stat().st_mtime_ns for path in fresh.iterdir()] == [built]


@pytest.mark.thorough
def test_ranks_that_compile_at_the_same_time_do_not_disturb_each_other(fresh: Path) -> None:
    program = "from workloads.runtime.kernels import load_kernels; load_kernels()"
    ranks = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(2)]
    assert [rank.wait() for rank in ranks] == [0, 0]
    assert len(list(fresh.iterdir())) == 1


def test_another_kind_of_processor_gets_its_own(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_anew()
    monkeypatch.setattr("workloads.runtime.kernels.library.instructions", lambda: ("of", "another"))
    load_anew()
    assert len(list(fresh.iterdir())) == 2


def test_where_nothing_can_be_kept_they_are_compiled_all_the_same(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh.parent.write_text("in the way")
    load_anew()
    assert fresh.parent.read_text() == "in the way"


def test_without_a_compiler_there_are_none(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(KernelsUnavailableError, match=r"no C\+\+ compiler \(g\+\+, c\+\+: not found\)"):
        load_anew()


def test_a_compiler_that_fails_is_quoted(fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = tmp_path / "compiler"
    compiler.write_text("#!/bin/sh\necho no licence left >&2\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    with pytest.raises(KernelsUnavailableError, match=r"-march=native failed on batch_norm\.cpp: no licence left"):
        load_anew()
    assert not list(fresh.iterdir())


def test_the_kernels_compile_without_a_warning(tmp_path: Path) -> None:
    source = Path("workloads/runtime/kernels/batch_norm.cpp").resolve()
    command = [os.environ.get("CXX", "g++"), *FLAGS, "-Wall", "-Wextra", "-Werror", str(source), "-o"]
    subprocess.run([*command, str(tmp_path / "library.so")], check=True)
