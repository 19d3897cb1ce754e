import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn


def bilinear_rows(layer: nn.Layer, x1: Tensor, x2: Tensor) -> Tensor:
    """nn.Bilinear, which takes matrices only, on inputs with more axes."""
    y = layer(x1.flatten(0, -2), x2.flatten(0, -2))
    return y.reshape([-1, *x1.shape[1:-1], y.shape[-1]])


class FrozenRowEmbedding(nn.Embedding):
    """An embedding with a row that training leaves alone; Paddle reads zeros there."""

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_index: int
    ) -> None:
        super().__init__(num_embeddings, embedding_dim, padding_index)
        self.padding_index = padding_index

    def forward(self, x: Tensor) -> Tensor:
        y = F.embedding(x, self.weight)
        frozen = (x == self.padding_index).unsqueeze(-1)
        return paddle.where(frozen, y.detach(), y)
