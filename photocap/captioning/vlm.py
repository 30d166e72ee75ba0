"""The kind of captioner for Hugging Face image-to-text models in a local folder: BLIP, GIT, ViT-GPT2 and their like.

Needs `pip install 'photocap[vlm]'`. Nothing is downloaded, code in the folder is never run, and weights are read from
safetensors files only. The confidence is the model's own mean probability of a word, which nobody has calibrated.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from photocap.captioning.hedge import hedged
from photocap.captioning.model_files import CONFIG, read_config
from photocap.captioning.registry import VLM, CaptionerOptions, ModelFacts, hash_files
from photocap.captioning.sentence import as_sentence
from photocap.captioning.torch_packages import check_torch
from photocap.errors import CheckpointError, PhotocapError, unexpected
from photocap.records import Caption

if TYPE_CHECKING:
    import torch
    from PIL import Image

INSTALL = "pip install 'photocap[vlm]'"
_CPU_BATCH, _GPU_BATCH = 4, 32
_MAX_NEW_TOKENS = 40
_IMAGE_SIZE_PX = 384  # where the configuration does not say
_FILE_SUFFIXES = (".json", ".safetensors", ".txt", ".model", ".md", ".jinja")  # no code, nothing pickled
_LOCAL: Mapping[str, Any] = {"local_files_only": True, "trust_remote_code": False}


def read_facts(folder: Path) -> ModelFacts:
    """Return what a model's `config.json` says; its weights are hashed when the hash is needed."""
    values = read_config(folder)
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        hint = "save it with `model.save_pretrained(FOLDER)` of a newer transformers"
        raise CheckpointError(folder, "has no weights in safetensors files", hint)
    architectures = values.get("architectures")
    details = {"model_type": values.get("model_type"), "architectures": architectures}
    return ModelFacts(
        directory=folder,
        name=folder.resolve().name,
        image_size_px=_image_size_px(values),
        hash_weights=lambda: hash_files(weights),
        kind=VLM,
        summary=str(values.get("model_type", "")),
        files=tuple(path.name for path in sorted(folder.iterdir()) if path.suffix in _FILE_SUFFIXES),
        details=details,
    )


def load(folder: Path, options: CaptionerOptions) -> VlmCaptioner:
    """Load a model, its image processor and its tokenizer from a folder."""
    if options.neutral_people:
        raise PhotocapError("--neutral-people needs a model that photocap has trained; this one's words are its own")
    if options.engine.startswith("onnx"):
        raise PhotocapError(f"--engine onnx does not run models of the kind {VLM} (--engine torch does)")
    facts = read_facts(folder)
    check_torch()
    try:
        import transformers
    except ImportError as error:
        raise PhotocapError(f"{error.name} is not installed; this model needs it ({INSTALL})") from error
    import torch

    from photocap.captioning.device import choose_device
    from photocap.captioning.engine_choice import precision_of

    library: Any = transformers  # whose types do not fit its own code
    precision = precision_of(options.engine)
    chosen = choose_device(options.device, precision=precision)
    dtype = chosen.dtype
    if dtype == torch.float32 and chosen.device.type != "cpu" and precision == "auto":
        dtype = torch.float16  # GPUs without bfloat16
    with _quiet(library), _as_checkpoint_error(folder):
        model = library.AutoModelForImageTextToText.from_pretrained(
            folder,
            use_safetensors=True,
            dtype=dtype,
            attn_implementation="eager",  # what a configuration names instead may be code from elsewhere
            **_LOCAL,
        )
        pictures = library.AutoImageProcessor.from_pretrained(folder, **_LOCAL)
        tokenizer = library.AutoTokenizer.from_pretrained(folder, **_LOCAL)
    model.to(chosen.device).eval()
    return VlmCaptioner(facts, model, pictures, tokenizer, options)


class VlmCaptioner:
    """Captions pictures with a Hugging Face model.

    Args:
        facts: the model.
        model: generates ids from `pixel_values`; on its device, in its precision.
        pictures: turns PIL images into `pixel_values`.
        tokenizer: turns ids into words.
        options: see there.
    """

    space_id: str | None = None

    def __init__(self, facts: ModelFacts, model: Any, pictures: Any, tokenizer: Any, options: CaptionerOptions) -> None:
        self.model_id = facts.model_id
        self.weights_sha256 = facts.weights_sha256
        self.image_size_px = facts.image_size_px
        self.batch_size = options.batch_size or (_CPU_BATCH if model.device.type == "cpu" else _GPU_BATCH)
        self._model = model
        self._pictures = pictures
        self._tokenizer = tokenizer
        self._beam_size = options.beam_size
        self._hedge_below = options.hedge_below

    @property
    def runs_on(self) -> str:
        """Return what runs the model."""
        precision = str(self._model.dtype).removeprefix("torch.")
        return f"transformers {version('transformers')}, {precision} on {self._model.device}"

    def caption_batch(self, images: Sequence[Image.Image]) -> list[Caption]:
        """Return one caption for each upright RGB picture, in order; any number of pictures, any size."""
        captions: list[Caption] = []
        for start in range(0, len(images), self.batch_size):
            captions += self._caption(images[start : start + self.batch_size])
        return captions

    def _caption(self, images: Sequence[Image.Image]) -> list[Caption]:
        """Caption pictures; where the device's memory does not suffice, by halves from now on."""
        import torch

        try:
            return self._generate(images)
        except torch.OutOfMemoryError:
            if len(images) == 1:
                raise
            torch.cuda.empty_cache()
            half = len(images) // 2
            self.batch_size = min(self.batch_size, half)
            return self._caption(images[:half]) + self._caption(images[half:])

    def _generate(self, images: Sequence[Image.Image]) -> list[Caption]:
        import torch

        pixels = self._pictures(images=list(images), return_tensors="pt")["pixel_values"]
        beams = {} if self._beam_size is None else {"num_beams": self._beam_size}
        with torch.inference_mode():
            found = self._model.generate(
                pixel_values=pixels.to(self._model.device, self._model.dtype),
                max_new_tokens=_MAX_NEW_TOKENS,
                do_sample=False,
                return_dict_in_generate=True,
                output_scores=True,
                **beams,
            )
        texts = self._tokenizer.batch_decode(found.sequences, skip_special_tokens=True)
        confidences = word_probability(found, _ends(self._model)).tolist()
        return [self._caption_of(*each) for each in zip(texts, confidences, strict=True)]

    def _caption_of(self, text: str, confidence: float) -> Caption:
        sentence = as_sentence(text)
        if not sentence:
            raise RuntimeError("the model said nothing")
        return Caption(text=hedged(sentence) if confidence < self._hedge_below else sentence, confidence=confidence)


def word_probability(found: Any, ends: Sequence[int]) -> torch.Tensor:
    """Return the geometric mean of the probabilities of each sentence's words, (B,).

    Args:
        found: what `generate` returns with scores, by greedy or by beam search.
        ends: the ids that end a sentence.
    """
    import torch

    steps = len(found.scores)
    tokens = found.sequences[:, -steps:]  # (B, T)
    of_beams = getattr(found, "beam_indices", None)
    rows = torch.arange(len(tokens), device=tokens.device)[:, None].expand_as(tokens)
    if of_beams is not None:
        steps = min(steps, of_beams.shape[1])
        tokens, rows = found.sequences[:, -steps:], of_beams[:, :steps].clamp(min=0)
    log_probs = torch.stack(
        [
            scores.float().log_softmax(-1)[rows[:, step], tokens[:, step]]
            for step, scores in enumerate(found.scores[:steps])
        ],
        dim=1,
    )
    ended = torch.isin(tokens, torch.tensor(ends, device=tokens.device)).long().cumsum(1)
    counted = torch.cat([torch.ones_like(ended[:, :1]), 1 - ended[:, :-1].clamp(max=1)], dim=1)  # the end itself counts
    mean: torch.Tensor = (log_probs * counted).nan_to_num().sum(1) / counted.sum(1)
    return mean.exp()


def _ends(model: Any) -> list[int]:
    """Return the ids that end a sentence; models whose text side is a model of its own keep them there."""
    for part in (model, getattr(model, "text_decoder", None)):
        end = getattr(getattr(part, "generation_config", None), "eos_token_id", None)
        if end is not None:
            return list(end) if isinstance(end, (list, tuple)) else [int(end)]
    return []


def _image_size_px(values: Mapping[str, Any]) -> int:
    """Return the side of the square that the model looks at."""
    parts = [values, *(values.get(name) for name in ("vision_config", "encoder"))]
    sizes = [part.get("image_size") for part in parts if isinstance(part, Mapping)]
    return next((size for size in sizes if isinstance(size, int) and 0 < size <= 4096), _IMAGE_SIZE_PX)


@contextmanager
def _as_checkpoint_error(folder: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # the library raises what the files make it raise
        reason = f"is no image-to-text model that transformers can load from here: {unexpected(error)}"
        raise CheckpointError(folder / CONFIG, reason) from error


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Keep the library's remarks off the terminal while it loads."""
    logger = logging.getLogger("transformers")
    level, bars = logger.level, transformers.utils.logging.is_progress_bar_enabled()
    logger.setLevel(logging.ERROR)
    transformers.utils.logging.disable_progress_bar()
    try:
        yield
    finally:
        logger.setLevel(level)
        if bars:
            transformers.utils.logging.enable_progress_bar()
