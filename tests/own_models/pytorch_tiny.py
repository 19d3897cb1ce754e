import torch
from torch import nn
import torch.nn.functional as F


class Unit(nn.Module):
    def __init__(self, before, after, step):
        super().__init__()
        self.body = nn.Conv2d(before, after, 3, step, 1)
        self.norm = nn.BatchNorm2d(after)
        self.skip = nn.Conv2d(before, after, 1, step) if (step, before) != (1, after) else None

    def forward(self, x):
        y = self.norm(self.body(x))
        return torch.relu(y + (x if self.skip is None else self.skip(x)))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.units = nn.ModuleList([Unit(3, 16, 1), Unit(16, 32, 2), Unit(32, 32, 1), Unit(32, 32, 1)])
        self.head = nn.Linear(32, 10)

    def forward(self, x):
        for unit in self.units:
            x = unit(x)
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))


def build():
    return Net()
