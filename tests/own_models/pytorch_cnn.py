import torch
import torch.nn.functional as F
from torch import nn


class Body(nn.Module):
    def __init__(self):
        super().__init__()
        self.per_channel = nn.Conv2d(16, 16, 3, 1, 1, groups=16, bias=False)
        self.n = nn.BatchNorm2d(16, eps=0.001)
        self.mix = nn.Conv2d(16, 16, 1)

    def forward(self, x):
        y = F.leaky_relu(self.n(self.per_channel(x)), 0.2)
        return x + self.mix(y)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.out = nn.Linear(32, 10)
        self.first = nn.Conv2d(3, 16, 3, 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(16, eps=0.001)
        self.clip = nn.ReLU6()
        self.body = Body()
        self.conv = nn.Conv2d(16, 24, 3, padding=2, dilation=2)
        self.drop = nn.Dropout(0.3)
        self.fc = nn.Linear(24 * 4 * 4, 32)

    def forward(self, x):
        x = self.clip(self.norm(self.first(x)))
        x = self.body(x)
        x = F.max_pool2d(x, 3, 2, 1)
        x = F.elu(self.conv(x))
        x = F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
        x = self.drop(x)
        x = torch.flatten(x, 1)
        x = F.gelu(self.fc(x))
        return self.out(x)


def build():
    return Net()
