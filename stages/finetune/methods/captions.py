"""A sentence about a clip from the features of its segments: S2VT (Venugopalan et al., ICCV 2015) as the MTL-AQA authors' code has it.

Two recurrent networks (GRU) lie one on the other.  The first reads the segments, then nothing; the second reads what the first says
beside a word: none while there are segments, then the word before the one that is to be told.
N clips, S segments, D feature dimensions, W words, L layers, H units.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stages.encoders.recurrent import run
from stages.engine import ranks
from stages.engine.annotations import END, MISSING


class CaptionDecoder(nn.Module):
    """Segment features → the words of a sentence.

    Args:
        inputs: D.
        vocabulary: how many words there are, without the end of the sentence.
        units: H, and the size of a word.
        layers: L.
        dropout: between layers.
    """

    def __init__(self, inputs: int, vocabulary: int, units: int, layers: int, dropout: float) -> None:
        super().__init__()
        between = dropout if layers > 1 else 0.0
        self.inputs, self.units, self.start = inputs, units, vocabulary + 1
        self.video = nn.GRU(inputs, units, layers, batch_first=True, dropout=between)
        self.language = nn.GRU(2 * units, units, layers, batch_first=True, dropout=between)
        self.words = nn.Embedding(vocabulary + 2, units)  # the end, the words, the start
        self.out = nn.Linear(units, vocabulary + 1)

    def forward(self, values: Tensor, mask: Tensor, sentences: Tensor) -> Tensor:
        """Return the logits (N, W, words) of each word, given the right ones before it.

        Args:
            values: (N, S, D).
            mask: (N, S), true where a segment is real.
            sentences: (N, W), as :func:`stages.engine.annotations.encode` writes them.
        """
        first, second = self._look(values, mask)
        before = F.pad(sentences[:, :-1].clamp(min=END), (1, 0), value=self.start)
        return self._continue(first, second, before)[0]

    @torch.no_grad()
    def tell(self, values: Tensor, mask: Tensor, longest: int) -> Tensor:
        """Return sentences (N, W) of the most probable word after each word, W = ``longest``; END from their end on."""
        first, second = self._look(values, mask)
        told = torch.full((len(values), longest), END, device=values.device)
        word = torch.full((len(values), 1), self.start, device=values.device)
        ended = torch.zeros(len(values), dtype=torch.bool, device=values.device)
        for place in range(longest):
            logits, first, second = self._continue(first, second, word)
            word = logits.argmax(dim=2)
            ended = ended | (word[:, 0] == END)
            if bool(ended.all()):
                break
            told[:, place] = torch.where(ended, END, word[:, 0])
        return told

    def _look(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the states (L, N, H) of both networks behind the last real segment."""
        seen, first = run(self.video, values, mask)
        return first, run(self.language, torch.cat([seen, torch.zeros_like(seen)], dim=2), mask)[1]

    def _continue(self, first: Tensor, second: Tensor, before: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the logits (N, W, words) behind the words ``before`` (N, W), and both networks' states then."""
        nothing = torch.zeros(*before.shape, self.inputs, device=before.device)
        seen, first = self.video(nothing, first)
        said, second = self.language(torch.cat([seen, self.words(before)], dim=2), second)
        return self.out(said), first, second


def caption_loss(logits: Tensor, sentences: Tensor) -> Tensor:
    """Return the words' cross-entropy, summed over a sentence and averaged over the clips that have one; 0 where none has.

    Args:
        logits: (N, W, words).
        sentences: (N, W).
    """
    total = F.cross_entropy(logits.flatten(0, 1), sentences.flatten(), ignore_index=MISSING, reduction="sum")
    return ranks.mean_of(total, (sentences != MISSING).any(dim=1).sum())
