"""Models as people write them in Paddle, and some that have no place in a spec."""

import numpy
import paddle
from paddle import nn
from paddle.nn import functional as F
from paddle.nn.functional import relu


class Residual(nn.Layer):
    def __init__(self, inside, out, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2D(inside, out, 3, stride=stride, padding=1, bias_attr=False)
        self.bn1 = nn.BatchNorm2D(out, momentum=0.8)
        self.conv2 = nn.Conv2D(out, out, 3, padding="SAME", bias_attr=False)
        self.bn2 = nn.BatchNorm2D(out, epsilon=1e-3)
        self.down = None
        if stride != 1 or inside != out:
            self.down = nn.Sequential(nn.Conv2D(inside, out, 1, stride, bias_attr=False), nn.BatchNorm2D(out))

    def forward(self, x):
        y = self.bn2(self.conv2(relu(self.bn1(self.conv1(x)))))
        y += x if self.down is None else self.down(x)
        return F.relu_(y)


class Convolutional(nn.Layer):
    def __init__(self, width=8, classes=5):
        super().__init__()
        self.stem = nn.Conv2D(3, width, 3, 2, 1)
        self.stages = nn.Sequential(Residual(width, width), Residual(width, 2 * width, 2), Residual(2 * width, 2 * width))
        self.gate = nn.Conv2D(2 * width, 2 * width, 1)
        self.drop = nn.Dropout(0.3, mode="downscale_in_infer")
        self.head = nn.Linear(2 * width, classes)

    def forward(self, image):
        x = F.max_pool2d(F.leaky_relu(self.stem(image), 0.2), 3, 2, 1)
        x = self.stages(x)
        x = x * F.hardsigmoid(self.gate(x.mean([2, 3], keepdim=True)))
        return self.head(self.drop(paddle.flatten(F.adaptive_avg_pool2d(x, 1), 1)))


class Attention(nn.Layer):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        batch, time, dim = x.shape
        qkv = self.qkv(x).reshape([batch, time, 3, self.heads, dim // self.heads]).transpose([2, 0, 3, 1, 4])
        q, k, v = qkv[0], qkv[1], qkv[2]
        weights = F.softmax(paddle.matmul(q * (dim // self.heads) ** -0.5, k, transpose_y=True), axis=-1)
        return self.proj((weights @ v).transpose([0, 2, 1, 3]).reshape([batch, time, dim]))


class Layer(nn.Layer):
    def __init__(self, dim, heads):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attention = Attention(dim, heads)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))
        self.gamma = self.create_parameter([dim])

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.gamma * self.mlp(self.norm2(x))


class Transformer(nn.Layer):
    def __init__(self, dim=8, depth=2, heads=2):
        super().__init__()
        self.layers = nn.LayerList([Layer(dim, heads) for _ in range(depth)])
        self.last = nn.MultiHeadAttention(dim, heads)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return {"logits": self.norm(x + self.last(x)), "mean": x.mean(axis=1)}


class Tagger(nn.Layer):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(20, 6)
        self.rnn = nn.LSTM(6, 5, num_layers=2, direction="bidirect")
        self.gru = nn.GRU(10, 4)
        self.out = nn.Linear(4, 3)

    def forward(self, tokens):
        y, _ = self.rnn(self.words(tokens))
        return F.softmax(self.out(self.gru(y)[0]), axis=-1)


class Hostile(nn.Layer):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        y = self.fc(x)
        y[:, 0] = 0.0
        return y + paddle.sort(x) + paddle._C_ops.erfinv(x)


class Branches(nn.Layer):
    def forward(self, x):
        return x * 2 if x.sum() > 0 else x


class Apart(nn.Layer):
    """Its numbers go through another library."""

    def forward(self, x):
        return x + paddle.to_tensor(numpy.tanh(x.numpy()))
