"""The my_translation task."""

from lightning_transformers.task.nlp.translation import TranslationTransformer
from transformers import PreTrainedModel


class MyTranslationTransformer(TranslationTransformer):
    """Translation with the overrides below."""

    # New hooks go below this line.

    def build_model(self) -> PreTrainedModel:
        """Return the Hugging Face model; edits of its structure go here."""
        model = super().build_model()
        # The decoder alone learns, without the embeddings that both share.
        for parameter in model.get_encoder().parameters():
            parameter.requires_grad = False
        return model
