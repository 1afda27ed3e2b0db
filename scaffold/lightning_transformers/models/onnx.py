"""Write a model as ONNX, with axes of any length."""

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from inspect import signature
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from transformers import BaseImageProcessor, PreTrainedModel

from lightning_transformers.base.errors import ConfigurationError, first_line
from lightning_transformers.models.adapters import merge_adapters

PACKAGES = ("onnxruntime", "onnxscript")
AXES = ("batch", "choices", "sequence")
TRACED, CHECKED = (2, 8), ((1, 5), (3, 12))
"""Numbers of examples and of tokens with which a model is traced, and with which it is checked."""
TOLERANCE = 1e-3
"""Greatest difference of an output from that of torch, relative to the largest output above 1."""


def require_onnx() -> None:
    """Check that the packages of an export to ONNX are installed.

    Raises:
        ConfigurationError: otherwise.
    """
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise ConfigurationError(
            f'export_onnx=true needs {" and ".join(missing)}: pip install "ltscaffold[onnx]"'
        )


def save_onnx(model: PreTrainedModel, processor: Any, file: Path) -> float:
    """Write a model in float32, with adapters merged, and check the file in onnxruntime.

    Batch and sequence have any length.

    Args:
        model: the model, which stays as it is.
        processor: its tokenizer or image processor.
        file: the ONNX file; weights of more than 2 GB lie beside it.

    Returns:
        The greatest difference of an output from that of torch.

    Raises:
        ConfigurationError: for a model with an encoder and a decoder, one that torch cannot export,
            or outputs that differ.
    """
    name = type(model).__name__
    if model.config.is_encoder_decoder:
        raise ConfigurationError(
            f"export_onnx=true, but {name} generates by repeated calls of its decoder, not by a "
            "single graph: remove export_onnx"
        )
    model = copy.deepcopy(merge_adapters(model)).float().cpu().eval()
    model.config.use_cache = False
    inputs = example(model, processor, *TRACED)
    with torch.no_grad():
        outputs = [key for key, value in model(**inputs).items() if isinstance(value, Tensor)]
    try:
        with quiet():
            program: Any = torch.onnx.export(
                model,
                kwargs=inputs,
                dynamic_shapes={key: axes(value) for key, value in inputs.items()},
                output_names=outputs,
                dynamo=True,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        reason = first_line(error.__cause__ or error)
        raise ConfigurationError(
            f"export_onnx=true, but torch cannot export {name} ({reason}): remove export_onnx, or "
            "set backbone.attn_implementation=eager"
        ) from error
    # The exporter records the stack of each node, with the paths of this machine.
    for node in program.model.graph.all_nodes():
        node.metadata_props.clear()
    file.parent.mkdir(parents=True, exist_ok=True)
    program.save(file, external_data=None)
    found = difference(model, processor, file)
    if found > TOLERANCE:
        raise ConfigurationError(
            f"export_onnx=true, but onnxruntime computes other outputs of {name} than torch (by "
            f"{found:.2g}): remove export_onnx"
        )
    return found


def difference(model: PreTrainedModel, processor: Any, file: Path) -> float:
    """Return by how much the outputs of an ONNX file differ from a model's, at most.

    Outputs above 1 are compared relative to the largest.

    Args:
        model: the model.
        processor: its tokenizer or image processor.
        file: the ONNX file.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    names, differences = [output.name for output in session.get_outputs()], []
    for shape in CHECKED:
        inputs = example(model, processor, *shape)
        with torch.no_grad():
            expected = model(**inputs)
        found = session.run(names, {key: value.numpy() for key, value in inputs.items()})
        for name, values in zip(names, found, strict=True):
            scale = expected[name].abs().max().clamp(min=1)
            away = (torch.from_numpy(values) - expected[name]).abs().max()
            differences.append(float(away / scale))
    return max(differences)


def example(model: PreTrainedModel, processor: Any, batch: int, length: int) -> dict[str, Tensor]:
    """Return random inputs, of which the first example has padding.

    Args:
        model: the model.
        processor: its tokenizer or image processor.
        batch: number of examples.
        length: number of tokens.

    Returns:
        For text `input_ids` and so on, int64, `(batch, length)`, or `(batch, 3, length)` of a
        multiple choice; for images `pixel_values`, float32, `(batch, channels, height, width)`.
    """
    generator = torch.Generator().manual_seed(0)
    if isinstance(processor, BaseImageProcessor):
        blank = processor(images=Image.new("RGB", (64, 64)), return_tensors="pt")["pixel_values"]
        return {"pixel_values": torch.randn(batch, *blank.shape[1:], generator=generator)}
    choices = (3,) if type(model).__name__.endswith("ForMultipleChoice") else ()
    shape, size = (batch, *choices, length), len(processor)
    made = {
        "input_ids": torch.randint(size, shape, generator=generator),
        "attention_mask": torch.ones(shape, dtype=torch.int64),
        "token_type_ids": torch.zeros(shape, dtype=torch.int64),
    }
    made["attention_mask"][0, ..., -1] = 0
    taken = signature(model.forward).parameters.keys() & processor.model_input_names
    return {name: value for name, value in made.items() if name in taken}


def axes(value: Tensor) -> dict[int, str]:
    """Return the axes of an input (any shape) that have any length, by number; not an image's."""
    if value.is_floating_point():
        return {0: AXES[0]}
    names = AXES if value.ndim == len(AXES) else (AXES[0], AXES[-1])
    return dict(enumerate(names))


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the exporter's remarks, such as that torchvision is not installed."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
