"""Model of the task `my_translation`."""

from lightning_transformers.task.nlp.translation import TranslationTransformer
from transformers import PreTrainedModel


class MyTranslationTransformer(TranslationTransformer):
    """Translation model."""

    def build_model(self) -> PreTrainedModel:
        """Return the Hugging Face model with the head of the task."""
        model = super().build_model()
        # Train the decoder alone, without the embeddings that it shares with the encoder.
        for parameter in model.get_encoder().parameters():
            parameter.requires_grad = False
        return model
