from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.classify = nn.Linear(24, 5)
        self.words = nn.Embedding(50, 10)
        self.drop = nn.Dropout(0.5)
        self.read = nn.LSTM(10, 12, batch_first=True, bidirectional=True)

    def forward(self, tokens):
        states, _ = self.read(self.drop(self.words(tokens)))
        return self.classify(self.drop(states))


def build():
    return Net()
