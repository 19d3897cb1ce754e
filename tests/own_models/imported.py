"""Models as people write them, which `archspec import` must bring in; and below such that it must refuse."""

import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    def __init__(self, width, out, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(width, out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.act = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.down = None
        if stride != 1 or width != out:
            self.down = nn.Sequential(nn.Conv2d(width, out, 1, stride, bias=False), nn.BatchNorm2d(out))
    def forward(self, x):
        y = self.act(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        s = x if self.down is None else self.down(x)
        y += s
        return self.act(y)
class Net(nn.Module):
    def __init__(self, width=8, classes=5):
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, 2, 1)
        self.stage1 = nn.Sequential(Block(width, width), Block(width, width))
        self.stage2 = nn.Sequential(Block(width, 2*width, 2), Block(2*width, 2*width))
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(2*width, classes)
    def forward(self, image):
        x = torch.relu(self.stem(image))
        x = self.stage2(self.stage1(x))
        x = x.mean([2,3])
        return self.head(self.drop(x))
class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.scale = (dim // heads) ** -0.5
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
    def forward(self, x):
        B, N, C = x.shape
        qkv = self.qkv(x).reshape(B, N, 3, self.heads, C // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        attn = (q * self.scale) @ k.transpose(-2, -1)
        attn = attn.softmax(dim=-1)
        x = (attn @ v).transpose(1, 2).reshape(B, N, C)
        return self.proj(x)
class Layer(nn.Module):
    def __init__(self, dim, heads, ratio=4):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attn = Attention(dim, heads)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, ratio*dim), nn.GELU(), nn.Linear(ratio*dim, dim))
        self.gamma = nn.Parameter(torch.ones(dim))
    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.gamma * self.mlp(self.norm2(x))
class ViT(nn.Module):
    def __init__(self, dim=16, depth=3, heads=2, classes=5):
        super().__init__()
        self.patch = nn.Conv2d(3, dim, 4, 4)
        self.cls = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos = nn.Parameter(torch.zeros(1, 17, dim))
        self.blocks = nn.ModuleList([Layer(dim, heads) for _ in range(depth)])
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, classes)
    def forward(self, image):
        x = self.patch(image).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], 1) + self.pos
        for b in self.blocks:
            x = b(x)
        return {"logits": self.head(self.norm(x)[:, 0]), "tokens": x}
class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(50, 8)
        self.rnn = nn.LSTM(8, 6, num_layers=2, bidirectional=True, batch_first=True)
        self.out = nn.Linear(12, 4)
    def forward(self, tokens):
        y, (h, c) = self.rnn(self.words(tokens))
        return F.log_softmax(self.out(y), -1)
class Inverted(nn.Module):
    def __init__(self, inp, oup, stride, expand):
        super().__init__()
        hidden = inp * expand
        self.use_res = stride == 1 and inp == oup
        layers = []
        if expand != 1:
            layers += [nn.Conv2d(inp, hidden, 1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU6()]
        layers += [nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden, bias=False), nn.BatchNorm2d(hidden), nn.ReLU6(), nn.Conv2d(hidden, oup, 1, bias=False), nn.BatchNorm2d(oup)]
        self.conv = nn.Sequential(*layers)
    def forward(self, x):
        return x + self.conv(x) if self.use_res else self.conv(x)
class Mobile(nn.Module):
    def __init__(self):
        super().__init__()
        f = [nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU6())]
        inp = 8
        for t, c, n, s in [(1, 8, 1, 1), (6, 12, 2, 2), (6, 16, 3, 2)]:
            for i in range(n):
                f.append(Inverted(inp, c, s if i == 0 else 1, t)); inp = c
        self.features = nn.Sequential(*f)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(inp, 5))
    def forward(self, x):
        x = self.features(x)
        x = F.adaptive_avg_pool2d(x, (1, 1))
        return self.classifier(torch.flatten(x, 1))
class MHA(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.MultiheadAttention(8, 2, batch_first=True, dropout=0.1)
        self.b = nn.MultiheadAttention(8, 2)
        self.n = nn.LayerNorm(8)
    def forward(self, x):
        x = x + self.a(x, x, x, need_weights=False)[0]
        y = x.transpose(0, 1)
        y = self.n(y + self.b(y, y, y, need_weights=False)[0])
        return y.transpose(0, 1).mean(1)
class Twice(nn.Module):
    """The same layer twice."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(6, 6)
        self.last = nn.Linear(6, 3)

    def forward(self, x):
        x = torch.tanh(self.first(x))
        return self.last(torch.tanh(self.first(x)))


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(20, 8)
        self.positions = nn.Parameter(torch.zeros(32, 8))
        self.head = nn.Linear(8, 20, bias=False)
        self.head.weight = self.words.weight

    def forward(self, tokens):
        x = self.words(tokens) + self.positions[: tokens.shape[1]]
        return self.head(x)


class DenseLayer(nn.Module):
    def __init__(self, inp, growth, bn_size):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inp); self.conv1 = nn.Conv2d(inp, bn_size*growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(bn_size*growth); self.conv2 = nn.Conv2d(bn_size*growth, growth, 3, padding=1, bias=False)
    def forward(self, feats):
        x = torch.cat(feats, 1)
        return self.conv2(F.relu(self.norm2(self.conv1(F.relu(self.norm1(x))))))
class DenseBlock(nn.ModuleDict):
    def __init__(self, n, inp, growth):
        super().__init__()
        for i in range(n): self.add_module(f"denselayer{i+1}", DenseLayer(inp + i*growth, growth, 4))
    def forward(self, x):
        feats = [x]
        for name, layer in self.items(): feats.append(layer(feats))
        return torch.cat(feats, 1)
class Transition(nn.Sequential):
    def __init__(self, a, b):
        super().__init__()
        self.norm = nn.BatchNorm2d(a); self.relu = nn.ReLU(inplace=True); self.conv = nn.Conv2d(a, b, 1, bias=False); self.pool = nn.AvgPool2d(2, 2)
class DenseNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        n = 8; parts = []
        for i, d in enumerate((3, 4, 2)):
            parts.append(DenseBlock(d, n, 4)); n += 4*d
            if i < 2: parts.append(Transition(n, n//2)); n //= 2
        self.features = nn.Sequential(*parts)
        self.fc = nn.Linear(n, 5)
    def forward(self, x):
        return self.fc(torch.flatten(F.adaptive_avg_pool2d(F.relu(self.features(self.stem(x))), (1, 1)), 1))


class Tower(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3, padding=1)
        self.fc = nn.Linear(width, width)

    def forward(self, x):
        return self.fc(torch.relu(self.conv(x)).mean((2, 3)))


class Siamese(nn.Module):
    """A tower that is called twice."""

    def __init__(self):
        super().__init__()
        self.tower = Tower(6)
        self.head = nn.Linear(6, 1)

    def forward(self, left, right):
        return self.head(torch.abs(self.tower(left) - self.tower(right)))


class Several(nn.Module):
    """Functions of all kinds."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(4))
        self.register_buffer("mask", torch.tril(torch.ones(5, 5)).bool())

    def forward(self, x):
        y = torch.einsum("btc,bsc->bts", x, F.normalize(x, dim=-1))
        y = torch.where(self.mask, y, torch.zeros_like(y))
        best, places = y.max(-1)
        z = torch.roll(x, 2, 1).cumsum(1).flip(2) * self.scale
        first, rest = z.split([1, 3], dim=-1)
        z = torch.stack([z[:, -1], z[..., 1:3, :].mean(1), torch.cat([first, rest], -1)[:, 0]], dim=1)
        return 1 - z / 2, best, torch.clamp(x[:, None, :, ::2], min=0).squeeze(1), y.argmax(-1)


class Depth(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.p = p
    def forward(self, x):
        if not self.training or not self.p: return x
        return x * torch.empty(x.shape[0], 1).bernoulli_(1 - self.p) / (1 - self.p)
class Drops(nn.Module):
    """What drops beside what is read before it; a class of its own drops in training alone."""

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(6, 6); self.drop = nn.Dropout(0.3); self.depth = Depth(0.2)
    def forward(self, x):
        x = self.a(x)
        y = x + self.drop(x)
        y = y + self.depth(y)
        return F.dropout(y, 0.4, self.training)


# What must be refused.


class Branch(nn.Module):
    def forward(self, x):
        if x[0, 0] > 0:
            x = x * 2
        return x


class Aside(nn.Module):
    def forward(self, x):
        return x + torch.from_numpy(x.numpy() * 2)


class Unknown(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 4)
        self.b = nn.Linear(4, 4)

    def forward(self, x):
        y = torch.linalg.matrix_exp(self.a(x)[:, :, None] * x[:, None])[:, 0]
        return y + torch.fft.fft(self.b(x)).real


class Batch(nn.Module):
    def forward(self, x):
        return x - x.mean(0)


class Written(nn.Module):
    def forward(self, x):
        y = x * 2
        y[:, 0] = 0
        return y


class Unused(nn.Module):
    def forward(self, x, y):
        return x * 2


class Constant(nn.Module):
    def __init__(self):
        super().__init__()
        self.p = nn.Parameter(torch.ones(1, 4))

    def forward(self, x):
        x * 2
        return self.p


class Scripted(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = torch.jit.script(nn.Sequential(nn.Linear(4, 4), nn.ReLU()))

    def forward(self, x):
        return self.f(x)


class Half(nn.Module):
    """Two layers with one matrix, and biases of their own."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4)
        self.two.weight = self.one.weight

    def forward(self, x):
        return self.two(torch.relu(self.one(x)))
