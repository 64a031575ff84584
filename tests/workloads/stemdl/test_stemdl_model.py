import pytest
import torch

from workloads.stemdl.model import ResNet


def parameters(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_resnet_50_is_the_published_model_to_the_last_parameter() -> None:
    assert parameters(ResNet(50, 64)) == 23_981_351


@pytest.mark.parametrize(("depth", "expected"), [(18, 11_689_512), (34, 21_797_672)])
def test_smaller_depths_have_the_sizes_of_their_paper(depth: int, expected: int) -> None:
    head_of_the_paper, head = 512 * 1000 + 1000, 512 * 231 + 231
    assert parameters(ResNet(depth, 64)) == expected - head_of_the_paper + head


@pytest.mark.parametrize("depth", [10, 18, 34, 50])
def test_every_depth_scores_all_231_outputs_for_every_image(depth: int) -> None:
    model = ResNet(depth, 8).eval()
    assert model(torch.randn(2, 3, 128, 128)).shape == (2, 231)


def test_channels_last_changes_nothing_but_the_layout() -> None:
    torch.manual_seed(1)
    model, images = ResNet(10, 8).eval(), torch.randn(2, 3, 128, 128)
    plain = model(images)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    last = model(images.to(memory_format=torch.channels_last))
    torch.testing.assert_close(last, plain, rtol=1e-3, atol=1e-4)


def test_bfloat16_training_gives_finite_gradients_to_every_parameter() -> None:
    torch.manual_seed(1)
    model = ResNet(50, 8)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = torch.randn(4, 3, 64, 64).to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        scores = model(images)
    torch.nn.functional.cross_entropy(scores.float(), torch.tensor([1, 2, 3, 4])).backward()
    gradients = [parameter.grad for parameter in model.parameters()]
    assert all(gradient is not None and torch.isfinite(gradient).all() for gradient in gradients)


def test_with_zeroed_last_gamma_every_block_starts_as_its_shortcut() -> None:
    model = ResNet(18, 8, zero_last_gamma=True)
    block = model.stages[1]
    x = torch.randn(2, 8, 16, 16).relu()
    torch.testing.assert_close(block(x), x)


def test_an_unknown_depth_is_named_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"depth is 20; expected one of \[10, 18, 34, 50\]"):
        ResNet(20)
