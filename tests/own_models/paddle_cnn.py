import paddle
import paddle.nn.functional as F
from paddle import nn


class Body(nn.Layer):
    def __init__(self):
        super().__init__()
        self.per_channel = nn.Conv2D(16, 16, 3, padding=1, groups=16, bias_attr=False)
        self.n = nn.BatchNorm2D(16, epsilon=0.001)
        self.mix = nn.Conv2D(16, 16, 1)

    def forward(self, x):
        y = F.leaky_relu(self.n(self.per_channel(x)), 0.2)
        return x + self.mix(y)


class Net(nn.Layer):
    def __init__(self):
        super().__init__()
        self.out = nn.Linear(32, 10)
        self.first = nn.Conv2D(3, 16, 3, stride=2, padding=1, bias_attr=False)
        self.norm = nn.BatchNorm2D(16, epsilon=0.001)
        self.clip = nn.ReLU6()
        self.body = Body()
        self.conv = nn.Conv2D(16, 24, 3, padding=2, dilation=2)
        self.drop = nn.Dropout(0.3)
        self.fc = nn.Linear(24 * 4 * 4, 32)

    def forward(self, x):
        x = self.clip(self.norm(self.first(x)))
        x = self.body(x)
        x = F.max_pool2d(x, 3, 2, 1)
        x = F.elu(self.conv(x))
        x = F.avg_pool2d(x, 3, 2, 1)
        x = self.drop(x)
        x = paddle.flatten(x, 1)
        x = F.gelu(self.fc(x))
        return self.out(x)


def build():
    return Net()
