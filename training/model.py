"""
InternLM-XComposer-2.5 in torch: a CLIP tower over tiles, a projector, an InternLM2 decoder with
partial LoRA on image tokens and task LoRAs on all. Parameters bear the names of the published
checkpoint, so that a state dict is a checkpoint.
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Config:
    vocabulary: int
    hidden: int = 160
    layers: int = 4
    heads: int = 4
    kv_heads: int = 2
    mlp: int = 448
    norm_epsilon: float = 1e-5
    rope_theta: float = 10_000.0
    tile: int = 112
    patch: int = 14
    tower_hidden: int = 128
    tower_layers: int = 4
    tower_heads: int = 4
    tower_mlp: int = 512
    #: Ranks of the adapters. Their factors are 1, as in the published model.
    image_rank: int = 32
    web_rank: int = 32
    sft_rank: int = 16
    dpo_rank: int = 16

    @property
    def head_dim(self) -> int:
        return self.hidden // self.heads

    @property
    def cells(self) -> int:
        """Cells along the side of a tile; a cell is 2 × 2 patches."""
        return self.tile // self.patch // 2


#: The layer whose first head of each group is shown where to look.
LOOKING_LAYER = 2
LORAS = {"base": (), "web": ("lora_web",), "write": ("lora_sft", "lora_dpo")}


class Lora(nn.Linear):
    """One half of an adapter: `A` starts random, `B` at zero."""

    def __init__(self, inputs: int, outputs: int, zero: bool):
        super().__init__(inputs, outputs, bias=False)
        if zero:
            nn.init.zeros_(self.weight)
        else:
            nn.init.normal_(self.weight, std=inputs**-0.5)


class AdaptedLinear(nn.Linear):
    """A linear with partial LoRA where `image` is set, and the task LoRAs of the mode everywhere."""

    def __init__(self, inputs: int, outputs: int, config: Config):
        super().__init__(inputs, outputs, bias=False)
        nn.init.normal_(self.weight, std=0.5 * inputs**-0.5)
        ranks = {"Plora": config.image_rank, "lora_web": config.web_rank, "lora_sft": config.sft_rank, "lora_dpo": config.dpo_rank}  # fmt: skip
        for name, rank in ranks.items():
            self.add_module(f"{name}_A", Lora(inputs, rank, zero=False))
            self.add_module(f"{name}_B", Lora(rank, outputs, zero=True))

    def adapter(self, name: str, x: Tensor) -> Tensor:
        return self.get_submodule(f"{name}_B")(self.get_submodule(f"{name}_A")(x))

    def forward(self, x: Tensor, image: Tensor | None, mode: str) -> Tensor:
        y = F.linear(x, self.weight)
        if image is not None:
            added = self.adapter("Plora", x.flatten(0, 1).index_select(0, image))
            y = y.flatten(0, 1).index_add(0, image, added).view_as(y)
        for name in LORAS[mode]:
            y = y + self.adapter(name, x)
        return y


class RmsNorm(nn.Module):
    def __init__(self, size: int, epsilon: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        normed = F.rms_norm(x.float(), (x.shape[-1],), self.weight.float(), self.epsilon)
        return normed.to(x.dtype)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary positions on halves: x [batch, heads, tokens, headDim]."""
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)


def attend(q: Tensor, k: Tensor, v: Tensor, future: Tensor | None = None) -> Tensor:
    """
    q [batch, heads, queries, headDim], k and v [batch, heads, tokens, headDim]; `future` −10,000 where
    a query must not look. Written out: torch's fused kernel takes twice as long here.
    """
    scores = q @ (k * k.shape[-1] ** -0.5).transpose(2, 3)
    if future is not None:
        scores = scores + future
    return scores.softmax(-1) @ v


class Attention(nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        per_group = config.heads // config.kv_heads + 2
        self.wqkv = AdaptedLinear(config.hidden, config.kv_heads * per_group * config.head_dim, config)
        self.wo = AdaptedLinear(config.hidden, config.hidden, config)

    def forward(self, x, rope, image, mode, past, seen=None):
        batch, tokens, _ = x.shape
        c = self.config
        shared = c.heads // c.kv_heads
        # Rows of a group: its query heads, its key head, its value head (MODEL §3.1).
        qkv = self.wqkv(x, image, mode).view(batch, tokens, c.kv_heads, shared + 2, c.head_dim).permute(0, 2, 3, 1, 4)
        turned = rotate(qkv[:, :, : shared + 1], *rope)
        # The query heads of a group read the same keys: one product for all of them.
        q, k, v = turned[:, :, :shared].flatten(2, 3), turned[:, :, shared], qkv[:, :, shared + 1]
        if seen is not None:
            seen += [x, q[:, :, :tokens], k]
        if past is not None:
            if past:
                k, v = torch.cat((past[0], k), 2), torch.cat((past[1], v), 2)
            past[:] = [k, v]
        future = _future(tokens, x.dtype).repeat(shared, 1) if tokens > 1 else None
        mixed = attend(q, k, v, future).unflatten(2, (shared, tokens))
        return self.wo(mixed.permute(0, 3, 1, 2, 4).reshape(batch, tokens, -1), image, mode)


@lru_cache(8)
def _future(tokens: int, dtype: torch.dtype) -> Tensor:
    return torch.full((tokens, tokens), -1e4).triu(1).to(dtype)


class FeedForward(nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        self.w1 = AdaptedLinear(config.hidden, config.mlp, config)
        self.w3 = AdaptedLinear(config.hidden, config.mlp, config)
        self.w2 = AdaptedLinear(config.mlp, config.hidden, config)

    def forward(self, x, image, mode):
        return self.w2(F.silu(self.w1(x, image, mode)) * self.w3(x, image, mode), image, mode)


class DecoderLayer(nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        self.attention_norm = RmsNorm(config.hidden, config.norm_epsilon)
        self.attention = Attention(config)
        self.ffn_norm = RmsNorm(config.hidden, config.norm_epsilon)
        self.feed_forward = FeedForward(config)
        for last in (self.attention.wo, self.feed_forward.w2):
            nn.init.zeros_(last.weight)

    def forward(self, x, rope, image, mode, past, seen=None):
        x = x + self.attention(self.attention_norm(x), rope, image, mode, past, seen)
        return x + self.feed_forward(self.ffn_norm(x), image, mode)


class Decoder(nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.tok_embeddings = nn.Embedding(config.vocabulary, config.hidden)
        nn.init.normal_(self.tok_embeddings.weight, std=0.3)
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.layers))
        self.norm = RmsNorm(config.hidden, config.norm_epsilon)
        half = config.head_dim // 2
        frequencies = config.rope_theta ** (-torch.arange(half) / half)
        self.register_buffer("frequencies", frequencies, persistent=False)

    def forward(self, x, image=None, mode="base", pasts=None, start=0, seen=None):
        """x [batch, tokens, hidden], image: which of batch · tokens are image tokens → hidden states."""
        angles = torch.arange(start, start + x.shape[1]).float()[:, None] * self.frequencies
        rope = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
        for index, layer in enumerate(self.layers):
            x = layer(x, rope, image, mode, None if pasts is None else pasts[index], seen if index == LOOKING_LAYER else None)
        return self.norm(x)


class TowerAttention(nn.Module):
    def __init__(self, size: int, heads: int):
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(size, size) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        weight = torch.cat((self.q_proj.weight, self.k_proj.weight, self.v_proj.weight))
        bias = torch.cat((self.q_proj.bias, self.k_proj.bias, self.v_proj.bias))
        batch, tokens, size = x.shape
        qkv = F.linear(x, weight, bias).view(batch, tokens, 3, self.heads, size // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        mixed = attend(q, k, v)
        return self.out_proj(mixed.transpose(1, 2).reshape(batch, tokens, size))


class TowerLayer(nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        size = config.tower_hidden
        self.layer_norm1 = nn.LayerNorm(size, eps=1e-5)
        self.self_attn = TowerAttention(size, config.tower_heads)
        self.layer_norm2 = nn.LayerNorm(size, eps=1e-5)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(size, config.tower_mlp), "fc2": nn.Linear(config.tower_mlp, size)})

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.self_attn(self.layer_norm1(x))
        inner = self.mlp["fc1"](self.layer_norm2(x))
        return x + self.mlp["fc2"](inner * torch.sigmoid(1.702 * inner))  # quick GELU


class Tower(nn.Module):
    """vit.vision_tower.vision_model: tiles [tiles, 3, tile, tile] → [tiles, patches, width]."""

    def __init__(self, config: Config):
        super().__init__()
        size = config.tower_hidden
        patches = (config.tile // config.patch) ** 2
        self.embeddings = nn.Module()
        self.embeddings.class_embedding = nn.Parameter(0.02 * torch.randn(size))
        self.embeddings.patch_embedding = nn.Conv2d(3, size, config.patch, config.patch, bias=False)
        self.embeddings.position_embedding = nn.Embedding(patches + 1, size)
        nn.init.normal_(self.embeddings.position_embedding.weight, std=0.02)
        self.pre_layrnorm = nn.LayerNorm(size, eps=1e-5)
        self.encoder = nn.Module()
        self.encoder.layers = nn.ModuleList(TowerLayer(config) for _ in range(config.tower_layers))

    def forward(self, tiles: Tensor) -> Tensor:
        embeddings = self.embeddings
        weight = embeddings.patch_embedding.weight.flatten(1)
        patches = F.linear(_unfold(tiles, embeddings.patch_embedding.kernel_size[0]), weight)
        first = embeddings.class_embedding.to(patches.dtype).expand(len(tiles), 1, -1)
        x = torch.cat((first, patches), 1) + embeddings.position_embedding.weight
        x = self.pre_layrnorm(x)
        for layer in self.encoder.layers:
            x = layer(x)
        return x[:, 1:]


def _unfold(tiles: Tensor, patch: int) -> Tensor:
    """[tiles, 3, side, side] → [tiles, patches, 3 · patch²], as a convolution's weight lies."""
    count, channels, side, _ = tiles.shape
    grid = tiles.view(count, channels, side // patch, patch, side // patch, patch)
    return grid.permute(0, 2, 4, 1, 3, 5).reshape(count, (side // patch) ** 2, -1)


class XComposer(nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        wide = 4 * config.tower_hidden
        self.vit = nn.Module()
        self.vit.vision_tower = nn.Module()
        self.vit.vision_tower.vision_model = Tower(config)
        self.vision_proj = nn.Sequential(nn.Linear(wide, config.hidden), nn.GELU(), nn.Linear(config.hidden, config.hidden))
        self.plora_glb_GN = nn.Parameter(0.5 * torch.randn(1, 1, wide))
        self.plora_sub_GN = nn.Parameter(0.5 * torch.randn(1, 1, 1, wide))
        self.model = Decoder(config)
        self.output = nn.Linear(config.hidden, config.vocabulary, bias=False)
        nn.init.normal_(self.output.weight, std=0.02)

    @property
    def tower(self) -> Tower:
        return self.vit.vision_tower.vision_model

    def image_rows(self, views: Tensor, tiles: Tensor, train_tower: bool = True) -> Tensor:
        """
        Global views [n, 3, t, t] and tiles [n, rows, columns, 3, t, t] of pictures of one layout →
        what the decoder reads, [n, positions, hidden].
        """
        count, rows, columns = tiles.shape[:3]
        if rows == columns == 1:  # the view of a single tile is that tile
            features = self.features(views, train_tower)
            view, cells = features[:, None, None], features[:, None, None]
        else:
            batch = torch.cat((views, tiles.flatten(0, 2)))
            features = self.features(batch, train_tower)
            view = features[:count, None, None]
            cells = features[count:].unflatten(0, (count, rows, columns))
        middle = self.plora_glb_GN.to(features.dtype).expand(count, 1, -1)
        return self.vision_proj(torch.cat((self.lines(view), middle, self.lines(cells)), 1))

    def features(self, tiles: Tensor, train_tower: bool) -> Tensor:
        with torch.set_grad_enabled(train_tower and torch.is_grad_enabled()):
            return self.merge(self.tower(tiles))

    def merge(self, features: Tensor) -> Tensor:
        """Four neighbouring patches become a cell: [n, patches, width] → [n, cells, cells, 4 · width]."""
        side = self.config.cells
        grid = features.view(len(features), side, 2, side, 2, -1)
        return grid.transpose(2, 3).reshape(len(features), side, side, -1)

    def lines(self, cells: Tensor) -> Tensor:
        """[n, rows, columns, cells, cells, wide] → lines through all tiles, each with its separator."""
        count, rows, columns, side, _, wide = cells.shape
        lines = cells.permute(0, 1, 3, 2, 4, 5).reshape(count, rows * side, columns * side, wide)
        ends = self.plora_sub_GN.to(lines.dtype).expand(count, rows * side, 1, wide)
        return torch.cat((lines, ends), 2).flatten(1, 2)

    def embed(self, ids: Tensor, rows: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Ids are −1 where images stand; their rows come in the order of these places."""
        image = ids < 0
        x = self.model.tok_embeddings(ids.clamp(min=0))
        if rows is None:
            return x, None
        x = x.masked_scatter(image[..., None], rows.flatten(0, -2).to(x.dtype))
        return x, image.flatten().nonzero()[:, 0]

    def forward(self, ids: Tensor, rows: Tensor | None, mode: str = "base", seen: list | None = None) -> Tensor:
        """
        Hidden states. Into `seen` go what the layer that is shown where to look reads, and queries and
        keys of its first head of each group, [batch, groups, tokens, headDim].
        """
        x, image = self.embed(ids, rows)
        return self.model(x, image, mode, seen=seen)


def config_json(config: Config) -> dict:
    """config.json as the published checkpoint has it, with the sizes that it leaves to its code."""
    return {
        "architectures": ["InternLMXComposer2ForCausalLM"],
        "model_type": "internlm2",
        "vocab_size": config.vocabulary,
        "hidden_size": config.hidden,
        "intermediate_size": config.mlp,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "hidden_act": "silu",
        "max_position_embeddings": 4096,
        "rms_norm_eps": config.norm_epsilon,
        "pad_token_id": 2,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "tie_word_embeddings": False,
        "bias": False,
        "rope_theta": config.rope_theta,
        "rope_scaling": None,
        "max_length": 4096,
        "torch_dtype": "bfloat16",
        "plora_rank": config.image_rank,
        "plora_alpha": config.image_rank,
        "vision_config": {
            "model_type": "clip_vision_model",
            "hidden_size": config.tower_hidden,
            "intermediate_size": config.tower_mlp,
            "num_hidden_layers": config.tower_layers,
            "num_attention_heads": config.tower_heads,
            "image_size": config.tile,
            "patch_size": config.patch,
            "hidden_act": "quick_gelu",
            "layer_norm_eps": 1e-5,
        },
    }
