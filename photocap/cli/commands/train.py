"""`photocap train`: teach a model from captions."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import click

from photocap.captioning.config import Attention, ModelConfig, Optimizer, Rnn, TrainConfig
from photocap.captioning.encoders import EncoderName
from photocap.captioning.torch_packages import check_torch
from photocap.cli import console
from photocap.cli.options import CaptionsPath, db_option, device_option, quiet_option
from photocap.cli.train_options import TrainOptions
from photocap.cli.train_run import run_captions, run_retrieval


@click.command()
@click.argument("captions", nargs=-1, type=CaptionsPath())
@click.option(
    "--images",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    show_default="the folder of the caption file",
    help="The folder of the images; several are looked through in turn.",
)
@click.option("--from-library", is_flag=True, help="Also learn the captions in the index that you wrote or accepted.")
@click.option(
    "--output",
    default=Path("photocap-model"),
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the model, its training table and curves go.",
)
@click.option(
    "--init",
    default="base",
    show_default=True,
    metavar="base|imagenet|FILE|DIR",
    help="Start from the base model, torchvision's ImageNet weights, a weights file, or a model folder.",
)
@click.option(
    "--epochs",
    default=TrainConfig.epochs,
    show_default=True,
    type=click.IntRange(min=1),
    help="Number of epochs.",
)
@click.option(
    "--fine-tune",
    default="none",
    show_default=True,
    type=click.Choice(["none", "last", "all"]),
    help="Encoder layers to fine-tune: none, the last stage, or all.",
)
@click.option(
    "--encoder",
    default=ModelConfig.encoder,
    show_default=True,
    type=click.Choice(get_args(EncoderName)),
    metavar="NAME",
    help="For a new model: which of torchvision's networks sees the picture, such as resnet101, vgg16, densenet121.",
)
@click.option(
    "--rnn",
    default=ModelConfig.rnn,
    show_default=True,
    type=click.Choice(get_args(Rnn)),
    help="Recurrent cell of the decoder (new models only).",
)
@click.option(
    "--attention",
    default=ModelConfig.attention,
    show_default=True,
    type=click.Choice(get_args(Attention)),
    help="Attention over the grid, or one vector per picture (new models only).",
)
@click.option(
    "--embedding-size",
    default=ModelConfig.embedding_size,
    show_default=True,
    type=click.IntRange(1, 4096),
    help="For a new model: numbers that stand for a word.",
)
@click.option(
    "--hidden-size",
    default=ModelConfig.hidden_size,
    show_default=True,
    type=click.IntRange(1, 4096),
    help=f"For a new model: numbers in the cell's state, a multiple of {ModelConfig.attention_heads}.",
)
@click.option(
    "--layers",
    default=ModelConfig.layers,
    show_default=True,
    type=click.IntRange(1, 8),
    help="For a new model: cells on top of each other.",
)
@click.option(
    "--learning-rate",
    type=click.FloatRange(0, min_open=True),
    show_default="what fits the kind of training",
    help="Of the decoder at its highest; the encoder's goes with it.",
)
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    show_default="32; 8 to learn an owner's captions",
    help="Photos in a step, each with all its captions.",
)
@click.option(
    "--optimizer",
    default=TrainConfig.optimizer,
    show_default=True,
    type=click.Choice(get_args(Optimizer)),
    help="What moves the weights.",
)
@click.option(
    "--dropout",
    type=click.FloatRange(0, 1, max_open=True),
    show_default=f"{TrainConfig.word_dropout} of words, {TrainConfig.feature_dropout} of features",
    help="Share of what the decoder computes that is left out while it learns.",
)
@click.option(
    "--min-count",
    type=click.IntRange(min=1),
    show_default=f"{TrainConfig.min_count}; 3 to learn an owner's captions",
    help="Captions that a word must occur in to be learned.",
)
@click.option(
    "--labels",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Also learn labels: the nouns of the captions, and what this table (image, coco_labels) says photos show. "
    "A new model gets a label head by it.",
)
@click.option(
    "--sentences",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --labels: also learn sentences without pictures, one a line of this file, each from its own labels.",
)
@click.option("--scst", is_flag=True, help="Self-critical training: sampled captions, CIDEr-D as the reward.")
@click.option("--retrieval", is_flag=True, help="Train only the text-image space that `search` uses; captions stay.")
@click.option(
    "--accumulate",
    default=TrainConfig.accumulate,
    show_default=True,
    type=click.IntRange(min=1),
    help="Gradient accumulation steps.",
)
@click.option(
    "--beam-size",
    type=click.IntRange(1, 20),
    show_default=f"the model's own, {ModelConfig.beam_size} for a new one",
    help="Beam with which dev captions are written, and the model's default later.",
)
@click.option(
    "--val-share",
    type=click.FloatRange(0, 0.9, min_open=True),
    show_default="0.1, of small sets up to 0.25",
    help="Share of the photos that is kept back to check against, where the captions name no split.",
)
@click.option(
    "--use/--no-use",
    default=None,
    show_default="without --output",
    help="Put the model to use if it is better than the one it comes from and the one in use, or keep it aside.",
)
@click.option(
    "--check",
    multiple=True,
    type=CaptionsPath(),
    help="Captions of other people's photos; a model that gets worse by 3 CIDEr-D on them is kept aside.",
)
@click.option("--seed", default=0, show_default=True, help="The same seed gives the same model.")
@click.option("--resume", is_flag=True, help="Continue an interrupted run into the same --output.")
@db_option
@device_option
@quiet_option
@click.pass_context
def command(ctx: click.Context, /, **_options: Any) -> None:
    """Train a model on captions of your own.

    \b
        photocap train captions.csv --images ~/Pictures
        photocap train --from-library
        photocap index --recaption ~/Pictures

    CAPTIONS is a table with the columns image, caption and optionally split (train, dev or test), Flickr8k's
    captions.txt or token file, JSON as of Karpathy's splits or COCO, a folder of photos (the captions that people
    wrote into them), or a folder that the package `datasets` saved. Without a split, one photo in ten is kept to
    check against. OUTPUT/best holds the model that captioned the kept photos best, OUTPUT/last what --resume goes
    on from, and OUTPUT/tensorboard the epochs, where `tensorboard` is installed. Several GPUs, or machines that
    share OUTPUT, train together through torchrun, which makes each step larger by as many processes:

    \b
        torchrun --nproc-per-node 2 -m photocap train captions.csv

    A model that started from another one is installed if it surely captions the kept photos better (a paired
    bootstrap at 95 %, 30 photos at least) and does not repeat itself; `photocap models rollback` goes back. With
    --no-use, or with --output and no --use, it is only kept there. Without --fine-tune and --scst its weights go
    two thirds of the way back to the start, so that it does not forget.
    """
    check_torch()
    from photocap.training import clear_cache, join_processes

    options = TrainOptions.of(ctx)
    request = options.request()
    with join_processes() as processes:
        if options.retrieval and processes.size > 1:
            raise click.UsageError("--retrieval trains in one process, without torchrun")
        if not processes.is_first:
            ctx.meta[console.QUIET_KEY] = True
        if options.retrieval:
            finished = run_retrieval(request, processes)
        else:
            finished = run_captions(request, processes, options.adoption())
    if not processes.is_first:
        return
    if finished:
        clear_cache(request.output)
    else:
        console.warn("interrupted; what is done is kept, and the same command with --resume goes on")
        ctx.exit(console.INTERRUPTED)
