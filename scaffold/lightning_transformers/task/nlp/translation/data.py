"""Data module of translation: pairs of texts in two languages."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from transformers import PreTrainedTokenizerBase

from lightning_transformers.base.errors import ConfigurationError, did_you_mean
from lightning_transformers.base.types import Row
from lightning_transformers.data.loading import AnyDataset, column_names, shipped_files
from lightning_transformers.data.reading.sources import format_of
from lightning_transformers.data.texts import text_columns
from lightning_transformers.task.shared.seq2seq import Field, Seq2SeqDataModule

TRANSLATION = "translation"
"""Column of mappings from language to text, as in datasets on the hub."""
T5_LANGUAGES = {"de": "German", "en": "English", "fr": "French", "ro": "Romanian"}
LANGUAGE = re.compile(r"(?!txt)[a-z]{2,3}([-_][A-Za-z]+)*")
LANGUAGE_CODE = re.compile(r"[a-z]{2,3}_[A-Za-z]{2,4}")


class TranslationDataModule(Seq2SeqDataModule):
    """Pairs of a text in the source language and its translation into the target language.

    The languages are columns, or keys of the column `translation`.
    """

    source_language: str | None = None
    """Language to translate from; None: the first of two."""
    target_language: str | None = None
    """Language to translate into; None: the second of two."""
    source_language_code: str | None = None
    """Code of the source language in a multilingual tokenizer, such as `eng_Latn`; None: the
    language itself, or the only code that begins with it, such as `en_XX`."""
    target_language_code: str | None = None
    """Code of the target language, likewise."""

    sample_files: ClassVar[dict[str, str]] = shipped_files("translation")

    def __init__(self, tokenizer: PreTrainedTokenizerBase, **hyperparameters: object) -> None:
        super().__init__(tokenizer, **hyperparameters)
        # The tokenizer may be exported before any row is read.
        if self.source_language is not None and self.target_language is not None:
            self.set_language_codes()

    def fields(self, split: str, rows: AnyDataset) -> tuple[Field, Field | None]:
        """Return the locations of the texts in the two languages, and set the tokenizer's codes.

        Raises:
            ConfigurationError: if the split lacks one of the languages, or they are unset and
                cannot be inferred.
        """
        source, target = self.languages()
        self.set_language_codes()
        if split == "predict":
            self.require_text(split, rows, source_language=source)
            return (source,), None
        present = languages_in(split, rows)
        for hyperparameter, language in (("source_language", source), ("target_language", target)):
            if language not in present:
                raise ConfigurationError(
                    f"the {split} set has no language '{language}' (its languages: "
                    f"{', '.join(present)}): set dataset.{hyperparameter}=<language>"
                )
        column = (TRANSLATION,) if TRANSLATION in column_names(rows) else ()
        return (*column, source), (*column, target)

    def languages(self) -> tuple[str, str]:
        """Return the source and the target language, inferred from the data on the first call.

        Raises:
            ConfigurationError: if they are equal, or unset and cannot be inferred.
        """
        if self.source_language is None or self.target_language is None:
            source, target = self.inferred_languages()
            self.source_language = self.hparams["source_language"] = source
            self.target_language = self.hparams["target_language"] = target
        if self.source_language == self.target_language:
            raise ConfigurationError(
                f"dataset.source_language and dataset.target_language are both "
                f"'{self.source_language}': set one to another language"
            )
        return self.source_language, self.target_language

    def inferred_languages(self) -> tuple[str, str]:
        """Return the two languages of the data, in its order unless one of them is set.

        Raises:
            ConfigurationError: if there is no data, or it has not exactly two languages.
        """
        ask = "set dataset.source_language=<language> dataset.target_language=<language>"
        if not self.has_source:
            raise ConfigurationError(f"the languages are unknown without a dataset: {ask}")
        split, rows = next(iter(self.raw_dataset.items()))
        present = languages_in(split, rows)
        if len(present) != 2:
            raise ConfigurationError(
                f"the {split} set has {len(present)} languages ({', '.join(present)}), not 2: {ask}"
            )
        first, second = present
        if self.source_language == second or self.target_language == first:
            first, second = second, first
        source, target = self.source_language or first, self.target_language or second
        reason = f"the languages of the {split} set in their order"
        self.notices.inferred(reason, source_language=source, target_language=target)
        return source, target

    def input_columns(self) -> Sequence[str]:
        """Return the source language."""
        return [self.input_column()]

    def pair_columns(self) -> tuple[str, str]:
        """Return the languages; if unset, the endings of the files, as in `train.en`."""
        endings = [format_of(str(file))[0][1:] for file in (self.source_file, self.target_file)]
        named = all(LANGUAGE.fullmatch(ending) for ending in endings) and len({*endings}) == 2
        source, target = endings if named else ("source", "target")
        return self.source_language or source, self.target_language or target

    def t5_prefix(self) -> str:
        """Return T5's prefix (Raffel et al., 2020, appendix D), or "" for other languages."""
        names = [T5_LANGUAGES.get(language) for language in self.languages()]
        return "translate {} to {}: ".format(*names) if all(names) else ""

    @property
    def model_data_kwargs(self) -> dict[str, Any]:
        """Return also the `generation_config` with the first token of a multilingual model."""
        common = super().model_data_kwargs
        if not self.is_multilingual:
            return common
        self.set_language_codes()
        first, *_, last = self.tokenizer(text_target="")["input_ids"]
        # mBART-25 puts the language last, and its decoder starts with it.
        if first == self.tokenizer.eos_token_id:
            return {**common, "generation_config": {"decoder_start_token_id": last}}
        return {**common, "generation_config": {"forced_bos_token_id": first}}

    @property
    def is_multilingual(self) -> bool:
        """Whether the tokenizer adds a language token to texts (mBART, M2M-100, NLLB)."""
        return hasattr(self.tokenizer, "set_src_lang_special_tokens")

    def set_language_codes(self) -> None:
        """Set the languages of a multilingual tokenizer; any other tokenizer is unchanged.

        Raises:
            ConfigurationError: if the languages cannot be inferred, or the tokenizer lacks one.
        """
        if not self.is_multilingual:
            return
        source, target = self.languages()
        tokenizer: Any = self.tokenizer
        tokenizer.src_lang = self.language_code(source, "source_language_code")
        tokenizer.tgt_lang = self.language_code(target, "target_language_code")

    def language_code(self, language: str, hyperparameter: str) -> str:
        """Return the tokenizer's code of a language.

        Args:
            language: the language in the data.
            hyperparameter: the hyperparameter that may override its code.

        Raises:
            ConfigurationError: if the tokenizer has no code of that name, or several.
        """
        wanted: str = getattr(self, hyperparameter) or language
        special = self.tokenizer.all_special_tokens
        codes: Iterable[str] = getattr(self.tokenizer, "lang_code_to_id", None) or [
            token for token in special if LANGUAGE_CODE.fullmatch(token)
        ]
        near = [code for code in codes if code.startswith(f"{wanted}_")]
        if wanted in codes:
            return wanted
        if len(near) == 1:
            return near[0]
        if near:
            raise ConfigurationError(
                f"the tokenizer has several codes for '{wanted}' ({', '.join(sorted(near))}): set "
                f"dataset.{hyperparameter}=<code>"
            )
        hint = did_you_mean(wanted, (code for code in codes if code[:2] == wanted[:2]))
        raise ConfigurationError(
            f"the tokenizer has no language '{wanted}'{hint}: set dataset.{hyperparameter}=<code>"
        )

    def predict_rows(self, inputs: Sequence[object]) -> list[Row]:
        """Return texts and mappings as rows.

        Args:
            inputs: texts, mappings from language to text, or rows with such a `translation`.
        """
        return super().predict_rows(
            [text.get(TRANSLATION, text) if isinstance(text, dict) else text for text in inputs]
        )

    def input_row(self, value: Any) -> Row:
        """Return an input to predict on as a row, a text as the source language."""
        is_row = isinstance(value, Mapping) and TRANSLATION in value
        return dict(value) if is_row else super().input_row(value)

    def input_column(self) -> str:
        """Return the source language."""
        return self.languages()[0]


def languages_in(split: str, rows: AnyDataset) -> list[str]:
    """Return the languages of a split in order: the keys of `translation`, or the text columns.

    Args:
        split: name of the split, for the error message.
        rows: its rows.

    Raises:
        ConfigurationError: if `translation` is not a column of mappings.
    """
    features = rows.features or next(iter(rows))  # a stream without features: use its first row
    if TRANSLATION not in features and rows.features:
        return text_columns(rows)
    if TRANSLATION not in features:
        return [column for column, value in features.items() if isinstance(value, str)]
    feature = features[TRANSLATION]
    languages = getattr(feature, "languages", feature)
    if isinstance(languages, str) or not hasattr(languages, "__iter__"):
        raise ConfigurationError(
            f"column 'translation' of the {split} set is not a mapping from language to text: "
            "use one column per language"
        )
    return list(languages)
