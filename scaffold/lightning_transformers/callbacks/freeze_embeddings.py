"""Freeze the input embeddings."""

from pytorch_lightning import Callback, LightningModule, Trainer

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.models.backbone import model_of


class FreezeEmbeddings(Callback):
    """Freeze the input embeddings of the model, and with them a head with tied weights."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Freeze the embeddings before the strategy and the optimizer collect the parameters.

        Raises:
            ConfigurationError: for a model without input embeddings.
        """
        model = model_of(pl_module)
        try:
            embeddings = model.get_input_embeddings()
        except NotImplementedError as error:
            raise ConfigurationError(
                f"{type(model).__name__} has no input embeddings to freeze: remove the "
                "callback or recipe freeze_embeddings"
            ) from error
        embeddings.requires_grad_(False)
