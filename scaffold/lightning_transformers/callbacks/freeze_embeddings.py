"""Freeze the input embeddings."""

from pytorch_lightning import Callback, LightningModule, Trainer

from lightning_transformers.core.keys.freezing import refuse_second_freeze
from lightning_transformers.models.backbone import model_of
from lightning_transformers.models.freezing import embedding_parameters


class FreezeEmbeddings(Callback):
    """Freeze the input embeddings of the model, and with them a head with tied weights."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Freeze the embeddings before the strategy and the optimizer collect the parameters.

        Raises:
            ConfigurationError: for a model without input embeddings, or with
                `task.freeze=embeddings`.
        """
        refuse_second_freeze(pl_module, "embeddings", "freeze_embeddings")
        for parameter in embedding_parameters(model_of(pl_module)):
            parameter.requires_grad = False
