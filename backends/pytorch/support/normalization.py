import torch.nn.functional as F
from torch import Tensor, nn


class BiasedVariance(nn.modules.batchnorm._BatchNorm):
    """Batch normalization that keeps the variance by which it normalizes."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        old = (1 - self.momentum) * self.running_var
        y = super().forward(x)
        # PyTorch keeps n / (n - 1) times the variance of n numbers. Autograd takes a
        # change of it only through .data.
        self.running_var.data.lerp_(old, x.shape[1] / x.numel())
        return y


class BiasedBatchNorm1d(BiasedVariance, nn.BatchNorm1d):
    """As nn.BatchNorm1d, with the biased running variance."""


class BiasedBatchNorm2d(BiasedVariance, nn.BatchNorm2d):
    """As nn.BatchNorm2d, with the biased running variance."""


class BiasedBatchNorm3d(BiasedVariance, nn.BatchNorm3d):
    """As nn.BatchNorm3d, with the biased running variance."""


class FrozenStatistics(nn.modules.batchnorm._BatchNorm):
    """Batch normalization by the running statistics in training, too, which stay."""

    def forward(self, x: Tensor) -> Tensor:
        mean, variance = self.running_mean, self.running_var
        return F.batch_norm(x, mean, variance, self.weight, self.bias, eps=self.eps)


class FrozenBatchNorm1d(FrozenStatistics, nn.BatchNorm1d):
    """As nn.BatchNorm1d, with statistics that stay."""


class FrozenBatchNorm2d(FrozenStatistics, nn.BatchNorm2d):
    """As nn.BatchNorm2d, with statistics that stay."""


class FrozenBatchNorm3d(FrozenStatistics, nn.BatchNorm3d):
    """As nn.BatchNorm3d, with statistics that stay."""


class LayerNorm2d(nn.LayerNorm):
    """Layer normalization over the channels of images."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
