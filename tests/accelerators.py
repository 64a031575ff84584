"""Tests of what only an accelerator shows: ``python -m pytest`` runs them where torch finds one."""

import pytest
import torch

needs_accelerator = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an accelerator that CUDA can use")
