"""Convolutional peers, trained on the same clips to compare with: DS-CNN and BC-ResNet.

They stand in a `Network` where FastGRNN's cell does: features (clips, frames, n_features) in,
(clips, 1, hidden) out, one state for the whole clip. Neither has a .kws form; they stay float.

Sources: Zhang et al., "Hello Edge", arXiv:1711.07128 (DS-CNN); Kim et al., "Broadcasted residual
learning", Interspeech 2021, arXiv:2106.04140 (BC-ResNet).
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn

SUB_BANDS = 5
CHANNEL_DROPOUT = 0.1
BATCH_SIZE = 100  # in training, of every peer
DS_CNN_CHANNELS, DS_CNN_MFCC, DS_CNN_RATE = 64, 10, 5e-3  # DS-CNN-S, and how we train it


class DsCnn(nn.Module):
    """DS-CNN: a convolution over 10 frames and 4 coefficients, then depthwise-separable ones.

    64 channels and four blocks are the paper's "S", 172 and four its "M" but for one stride.
    """

    def __init__(self, n_features: int, hidden: int, blocks: int = 4) -> None:
        """Hidden: channels of every layer; n_features plays no part in the sizes."""
        super().__init__()
        self.hidden = hidden
        first = _normalized(nn.Conv2d(1, hidden, (10, 4), (2, 2), (5, 1), bias=False))
        self.layers = nn.Sequential(first, *(_separable(hidden) for _ in range(blocks)))
        # A third faster on a CPU; torch knows this overload, its stubs do not.
        self.layers.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, features: Tensor) -> Tensor:
        """Return the mean over time and coefficients, (clips, 1, hidden)."""
        pooled: Tensor = self.layers(features[:, None]).mean((2, 3))
        return pooled[:, None]


def _normalized(convolution: nn.Module) -> nn.Sequential:
    channels = convolution.out_channels
    assert isinstance(channels, int)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels), nn.ReLU())


def _separable(channels: int) -> nn.Sequential:
    depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
    return nn.Sequential(
        _normalized(depthwise), _normalized(nn.Conv2d(channels, channels, 1, bias=False))
    )


class SubSpectralNorm(nn.Module):
    """Batch normalization of each of some bands of frequencies by itself: (n, c, bands, frames)."""

    def __init__(self, channels: int) -> None:
        """Channels: c."""
        super().__init__()
        self.norm = nn.BatchNorm2d(channels * SUB_BANDS)

    def forward(self, x: Tensor) -> Tensor:
        """Return x, normalized; the number of bands is a multiple of five."""
        clips, channels, bands, frames = x.shape
        split = x.reshape(clips, channels * SUB_BANDS, bands // SUB_BANDS, frames)
        normalized: Tensor = self.norm(split)
        return normalized.reshape(clips, channels, bands, frames)


class BroadcastedBlock(nn.Module):
    """x + f2(x) + f1(mean of f2(x) over the bands), which is broadcast to all bands.

    f2 is a depthwise convolution over bands, f1 one over time; a block that changes channels has a
    1 x 1 convolution in front, and no shortcut.
    """

    def __init__(self, before: int, channels: int, stride: int, dilation: int) -> None:
        """Stride is that of the bands, dilation that of time."""
        super().__init__()
        self.is_transition = before != channels
        over_bands = nn.Conv2d(
            channels, channels, (3, 1), (stride, 1), (1, 0), groups=channels, bias=False
        )
        over_time = nn.Conv2d(
            *(channels, channels, (1, 3), 1, (0, dilation), (1, dilation)),
            groups=channels,
            bias=False,
        )
        front = [_normalized(nn.Conv2d(before, channels, 1, bias=False))] * self.is_transition
        self.f2 = nn.Sequential(*front, over_bands, SubSpectralNorm(channels))
        self.f1 = nn.Sequential(
            OrderedDict(
                over_time=over_time,
                norm=nn.BatchNorm2d(channels),
                swish=nn.SiLU(),
                mix=nn.Conv2d(channels, channels, 1, bias=False),
                dropout=nn.Dropout2d(CHANNEL_DROPOUT),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """(clips, before, bands, frames) to (clips, channels, bands / stride, frames)."""
        spectral = self.f2(x)
        total = spectral + self.f1(spectral.mean(2, keepdim=True))
        return torch.relu(total if self.is_transition else total + x)


class BcResNet(nn.Module):
    """BC-ResNet for 40 log-mel bands; `hidden` 32 is BC-ResNet-1, and 20 is BC-ResNet-0.625."""

    # channels (of 32), blocks, stride in bands, dilation in time
    STAGES = ((8, 2, 1, 1), (12, 2, 2, 2), (16, 4, 2, 4), (20, 4, 1, 8))

    def __init__(self, n_features: int, hidden: int) -> None:
        """Hidden: channels before the classifier, which scale all others."""
        super().__init__()
        self.hidden = hidden
        self.n_features = n_features
        channels = hidden // 2
        first = nn.Conv2d(1, channels, 5, (2, 1), 2, bias=False)
        layers: list[nn.Module] = [_normalized(first)]
        for share, blocks, stride, dilation in self.STAGES:
            width = share * hidden // 32
            for block in range(blocks):
                step = 1 if block else stride
                layers.append(BroadcastedBlock(channels, width, step, dilation))
                channels = width
        last = nn.Conv2d(channels, channels, 5, 1, (0, 2), groups=channels, bias=False)
        layers += [last, _normalized(nn.Conv2d(channels, hidden, 1, bias=False))]
        self.layers = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        """Return the mean over time, (clips, 1, hidden)."""
        pooled: Tensor = self.layers(features.transpose(1, 2)[:, None]).mean((2, 3))
        return pooled[:, None]


CONVOLUTIONAL_CLASSES: dict[str, type[DsCnn] | type[BcResNet]] = {
    "ds_cnn": DsCnn,
    "bc_resnet": BcResNet,
}
