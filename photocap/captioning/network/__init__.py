"""The whole network: ResNet encoder, LSTM or GRU decoder with attention, beam search.

Dimension letters, used on every line that changes a shape:
B photos, N captions, T tokens, V vocabulary, E embedding, H hidden, S pixels of a side,
P places of the grid (7 x 7 at 224 px, 8 x 8 at 256), C encoder channels (512 or 2048),
D reduced feature, K beams, A attention heads.

Sources: He et al. 2015 (ResNet); Vinyals et al. 2015 (encoder-decoder captioning); Cho et al. 2014 (GRU);
Lu et al. 2017 (attention after the LSTM); Press & Wolf 2017 (tied embeddings); Wu et al. 2016 (length
penalty); Faghri et al. 2018 (joint text-image embedding).
"""

from photocap.captioning.network.beam_search import BeamSearchOutput, beam_search
from photocap.captioning.network.decoder import Decoder, State
from photocap.captioning.network.encoder import STRIDE, Encoder, Features
from photocap.captioning.network.joint import JointEmbedding
from photocap.captioning.network.model import CaptionModel, CaptionOutput
from photocap.captioning.network.pixels import normalise

__all__ = [
    "STRIDE",
    "BeamSearchOutput",
    "CaptionModel",
    "CaptionOutput",
    "Decoder",
    "Encoder",
    "Features",
    "JointEmbedding",
    "State",
    "beam_search",
    "normalise",
]
