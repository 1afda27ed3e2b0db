"""Loading of pretrained models, configs and tokenizers."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import torch
import transformers
from hydra.utils import get_class
from packaging.version import InvalidVersion, Version
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoTokenizer,
    BaseImageProcessor,
    BitsAndBytesConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from lightning_transformers.base.errors import ConfigurationError, first_line
from lightning_transformers.base.hub import prepare_hub_access, refusal
from lightning_transformers.base.package_data import local_path
from lightning_transformers.base.types import Settings
from lightning_transformers.models.shard_loading import is_deferred, is_skeleton, prepare

T = TypeVar("T")
Dtype = Literal["float32", "bfloat16", "float16", "auto"]
DTYPE: Dtype = "float32"
"""Default dtype of the loaded weights: the trainer's `precision` casts down, never up."""
Quantization = Literal["bnb4", "bnb8"]


@dataclass(frozen=True)
class Backbone:
    """The pretrained model to fine-tune.

        from lightning_transformers import Backbone

        tokenizer = Backbone("bert-base-uncased").load_tokenizer()

    Attributes:
        pretrained_model_name_or_path: id on the Hugging Face hub, a folder, or `pkg://…`.
        tokenizer_name_or_path: id or folder of the tokenizer; that of the model by default.
        random_weights: build the model from its config instead of loading its weights.
        revision: branch, tag or commit on the hub.
        trust_remote_code: run the Python code in the model's repository.
        config: overrides of the model's config.
        attn_implementation: `eager`, `sdpa`, `flex_attention`, `flash_attention_2` …; chosen by
            transformers by default.
        dtype: dtype of the weights, `auto`: that of the files; float32 by default.
        device_map: places the layers of a model on several devices of one process, such as `auto`;
            by default the trainer places the whole model on one.
        quantization: `bnb4` or `bnb8`: the weights of linear layers in 4 bits (NF4, Dettmers et
            al., "QLoRA", 2023) or 8 bits, by bitsandbytes; none by default.
    """

    pretrained_model_name_or_path: str
    tokenizer_name_or_path: str | None = None
    random_weights: bool = False
    revision: str | None = None
    trust_remote_code: bool = False
    config: Settings = field(default_factory=dict)
    attn_implementation: str | None = None
    dtype: Dtype | None = None
    device_map: str | Settings | None = None
    quantization: Quantization | None = None

    @property
    def shared_name(self) -> str:
        """The name for others than the user: the id on the hub; of a folder only its name."""
        name = self.pretrained_model_name_or_path
        return Path(name).name if self.is_folder else name

    @property
    def is_folder(self) -> bool:
        """Whether the model is in a folder, not on the hub or in a package."""
        return Path(self.pretrained_model_name_or_path).exists()

    def load_config(self, values: Settings | None = None) -> PreTrainedConfig:
        """Load the config of the model.

        Args:
            values: values that the data determines, beside those of `config`.

        Raises:
            ConfigurationError: if the model is not found or cannot be downloaded.
        """
        loaded: PreTrainedConfig = self._load(
            AutoConfig.from_pretrained, **self.config, **(values or {})
        )
        return loaded

    def load_model(self, model_type: str, model_data_kwargs: Settings) -> PreTrainedModel:
        """Load the model in training mode.

        Args:
            model_type: import path of an Auto class, such as `transformers.AutoModelForCausalLM`.
            model_data_kwargs: values that the data determines: `vocab_size`, to which a smaller
                embedding is resized, and config values such as `num_labels`.

        Raises:
            ConfigurationError: if the model is not found or cannot be downloaded, its weights do
                not fit `config`, it does not support the attention implementation, or it must be
                quantized without bitsandbytes or with random weights.
        """
        values = dict(model_data_kwargs)
        vocab_size = values.pop("vocab_size", 0)
        auto_class: Any = get_class(model_type)
        config = self.load_config(values)
        model: PreTrainedModel
        if is_skeleton():
            text = config.get_text_config()
            if vocab_size > getattr(text, "vocab_size", vocab_size):
                text.vocab_size = vocab_size
            dtype = DTYPE if self.dtype == "auto" else self._dtype
            with torch.device("meta"):
                model = auto_class.from_config(
                    config, dtype=dtype, trust_remote_code=self.trust_remote_code
                )
        elif self.random_weights:
            if self.quantization:
                raise ConfigurationError(
                    f"backbone.quantization={self.quantization} needs trained weights: set "
                    "backbone.random_weights=false, or omit backbone.quantization"
                )
            dtype = DTYPE if self.dtype == "auto" else self._dtype  # there are no files
            model = auto_class.from_config(
                config, dtype=dtype, trust_remote_code=self.trust_remote_code
            )
        else:
            grows = vocab_size > getattr(config.get_text_config(), "vocab_size", vocab_size)
            model = self._load_weights(auto_class, config, is_deferred() and not grows)
        if self.attn_implementation is not None:
            set_attention(model, self.attn_implementation)
        if vocab_size and vocab_size > embedding_rows(model):
            mark_new(model.resize_token_embeddings(vocab_size).weight)
            if (output := model.get_output_embeddings()) is not None:
                mark_new(output.weight)
        # from_pretrained returns evaluation mode, which Lightning keeps: the fit had no dropout.
        model.train()
        return model

    def load_tokenizer(self, use_fast: bool = True) -> PreTrainedTokenizerBase:
        """Load the tokenizer; raises ConfigurationError as `load_model` does.

        Args:
            use_fast: use the tokenizer in Rust, if there is one.
        """
        name = self.tokenizer_name_or_path or self.pretrained_model_name_or_path
        return self._load(AutoTokenizer.from_pretrained, name, use_fast=use_fast)

    def load_image_processor(self) -> BaseImageProcessor:
        """Load the image processor; raises ConfigurationError as `load_model` does."""
        load: Callable[..., BaseImageProcessor] = AutoImageProcessor.from_pretrained
        return self._load(load)

    def _load_weights(
        self, auto_class: Any, config: PreTrainedConfig, defers: bool
    ) -> PreTrainedModel:
        """Load the weights, and mark the parameters that the files lack as new.

        A head of another size is newly initialized; a backbone of another size is an error.

        Args:
            auto_class: an Auto class of transformers.
            config: the config to build the model from, with the user's overrides.
            defers: build the model without weights if that is possible.
        """
        model: PreTrainedModel
        defers &= self.quantization is None and self.device_map is None
        load = partial(
            self._load,
            auto_class.from_pretrained,
            config=config,
            dtype=self._dtype,
            ignore_mismatched_sizes=True,
        )
        model, report = load(
            device_map="meta" if defers else self._device_map(),
            quantization_config=self._quantization_config(),
            output_loading_info=True,
        )
        of_backbone = f"{model.base_model_prefix}."
        for name, *shapes in sorted(report["mismatched_keys"]):
            if name.startswith(of_backbone):
                has, needs = ("x".join(map(str, shape)) for shape in shapes)
                raise ConfigurationError(
                    f"the weights of '{self.pretrained_model_name_or_path}' do not fit "
                    f"backbone.config: {name} is {has}, not {needs}; remove the keys that change "
                    "sizes, or set backbone.random_weights=true"
                )
        new = (*report["missing_keys"], *(name for name, *_ in report["mismatched_keys"]))
        if defers:
            prepare(model, new, load)
        for name in new:
            if self.quantization:
                restore_linear(model, name.rpartition(".")[0])
            mark_new(model.get_parameter_or_buffer(name))
        if self.quantization == "bnb4":
            layer: Any
            for layer in model.modules():
                # Else an evaluation on a CPU packs the weights in a form without a gradient.
                layer.support_avx512bf16_for_cpu = False
        return model

    @property
    def _dtype(self) -> Dtype:
        return self.dtype or DTYPE

    def _device_map(self) -> str | Settings | None:
        """Return `device_map`; without it, a quantized model belongs on the GPU of this process."""
        if self.quantization and self.device_map is None and torch.cuda.is_available():
            return {"": int(os.environ.get("LOCAL_RANK", 0))}
        return self.device_map

    def _quantization_config(self) -> BitsAndBytesConfig | None:
        """Return the arguments of bitsandbytes for `quantization`; None without it."""
        if self.quantization is None:
            return None
        if find_spec("bitsandbytes") is None:
            raise ConfigurationError(
                f"`bitsandbytes` is not installed (backbone.quantization={self.quantization}): "
                "pip install bitsandbytes"
            )
        if self.quantization == "bnb8":
            return BitsAndBytesConfig(load_in_8bit=True)
        return BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype="bfloat16" if self.dtype in (None, "auto") else self.dtype,
        )

    def _load(self, loader: Callable[..., T], name: str | None = None, **kwargs: Any) -> T:
        name = name or self.pretrained_model_name_or_path
        path = local_path(name)
        if not Path(path).exists():
            prepare_hub_access()
        if self.revision and name == self.pretrained_model_name_or_path:
            kwargs["revision"] = self.revision
        try:
            return loader(path, trust_remote_code=self.trust_remote_code, **kwargs)
        except (OSError, ValueError) as error:
            reason, advice = first_line(error), "choose one that transformers loads for this task"
            if isinstance(error, OSError):
                advice = "correct the name; offline, backbone=tiny needs no network"
            if "does not recognize this architecture" in str(error):
                reason, advice = unknown_model_type(path, kwargs.get("revision"))
            if "trust_remote_code" in str(error):
                reason, advice = (
                    "its repository contains code",
                    "review it, then set backbone.trust_remote_code=true",
                )
            reason, advice = refusal(error, name) or (reason, advice)
            raise ConfigurationError(
                f"cannot load the backbone '{name}': {reason} ({advice})"
            ) from error
        except (AssertionError, RuntimeError) as error:
            if self.device_map is None:
                raise
            raise ConfigurationError(
                f"backbone.device_map={self.device_map} does not work here: {first_line(error)} "
                "(give devices of this machine, or auto)"
            ) from error


def load_tokenizer(backbone: Settings, use_fast: bool = True) -> PreTrainedTokenizerBase:
    """Load the tokenizer of a backbone; raises ConfigurationError as `Backbone.load_model` does.

    Args:
        backbone: fields of `Backbone` by name, as in the config.
        use_fast: use the tokenizer in Rust, if there is one.
    """
    return Backbone(**backbone).load_tokenizer(use_fast)


def load_image_processor(backbone: Settings) -> BaseImageProcessor:
    """Load the image processor; raises ConfigurationError as `Backbone.load_model` does.

    Args:
        backbone: fields of `Backbone` by name, as in the config.
    """
    return Backbone(**backbone).load_image_processor()


def unknown_model_type(name: str, revision: str | None) -> tuple[str, str]:
    """Return why the installed transformers cannot load a model, and what to do.

    Args:
        name: folder or id of the model.
        revision: branch, tag or commit on the hub.
    """
    config, _ = PreTrainedConfig.get_config_dict(name, revision=revision)
    installed, saved = transformers.__version__, config.get("transformers_version")
    reason = f"transformers {installed} has no model type '{config['model_type']}'"
    with suppress(InvalidVersion):  # of a fork
        if saved and (release := Version(saved)) > Version(installed):
            needed = f"{release.base_version} or later, if this ltscaffold accepts it"
            return reason, f"it was saved by transformers {saved}: install {needed}"
    return reason, "correct its config.json, or install a later release of transformers"


def set_attention(model: PreTrainedModel, name: str) -> None:
    """Switch a model to another attention implementation.

    Args:
        model: the model, changed in place.
        name: the implementation, such as `sdpa`.

    Raises:
        ConfigurationError: if the model or this machine does not support it.
    """
    default = model.config._attn_implementation
    reason = f"the model cannot be switched from '{default}'"
    try:
        model.set_attn_implementation(name)
    except (ValueError, ImportError) as error:
        reason = first_line(error)
    if name != default == model.config._attn_implementation:
        raise ConfigurationError(
            f"backbone.attn_implementation={name} does not work with {type(model).__name__}: "
            f"{reason} (omit the key to use '{default}')"
        )


def load_state(model: PreTrainedModel, weights: dict[str, Tensor]) -> str | None:
    """Load the weights of an earlier version of transformers into a model.

    Args:
        model: the model, changed in place.
        weights: tensors (any shape) by name.

    Returns:
        The name of a parameter that the weights do not have in its shape, or None.
    """
    result: Any = type(model).from_pretrained(
        None,
        config=model.config,
        state_dict=weights,
        dtype=DTYPE,
        ignore_mismatched_sizes=True,
        output_loading_info=True,
    )
    loaded, report = result
    misfits = [*report["missing_keys"], *(name for name, *_ in report["mismatched_keys"])]
    model.load_state_dict(loaded.state_dict())
    return min(misfits, default=None)


def restore_linear(model: nn.Module, name: str) -> None:
    """Replace a quantized linear layer by a plain one if its weight is new, and so not quantized.

    Args:
        model: the model, changed in place.
        name: name of a layer of it; one of another kind is kept.
    """
    layer = model.get_submodule(name)
    if isinstance(layer, nn.Linear) and layer.weight.is_floating_point():
        plain = nn.Linear(layer.in_features, layer.out_features, device="meta")
        plain.weight, plain.bias = layer.weight, layer.bias
        model.set_submodule(name, plain)


def mark_new(parameter: Tensor) -> None:
    """Mark a parameter (any shape) as newly initialized, at least in part.

    A checkpoint of an adapter contains it, though it may be frozen, see `trained_state`.
    """
    parameter.is_new = True  # type: ignore[attr-defined]


def is_new(parameter: Tensor) -> bool:
    """Return whether `mark_new` was called with a parameter (any shape)."""
    return getattr(parameter, "is_new", False)


def generate(model: Any, **arguments: object) -> Tensor:
    """Call `model.generate`, whose declared return type is too wide for mypy.

    Args:
        model: a model that generates text.
        arguments: keyword arguments of `generate`: a batch's inputs, and `max_new_tokens` …

    Returns:
        Token ids, `(batch, generated)`, int64; those of a decoder-only model include the prompt.
    """
    tokens: Tensor = model.generate(**arguments)
    return tokens


def model_of(task: nn.Module) -> PreTrainedModel:
    """Return the model of a task, given as an untyped module, as callbacks get it."""
    return cast(PreTrainedModel, task.model)


def embedding_rows(model: PreTrainedModel) -> int:
    """Return the number of rows of the model's input embedding."""
    return len(cast(Tensor, model.get_input_embeddings().weight))
