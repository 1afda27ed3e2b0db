"""Input embeddings that stay as they were pretrained."""

from pytorch_lightning import Callback, LightningModule, Trainer

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.models.backbone import model_of


class FreezeEmbeddings(Callback):
    """Keep the input embeddings of the model from training.

    A head that is tied to them shares their matrix, and so is frozen with them.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Freeze before the processes agree on what trains, and before the optimizer is built.

        Raises:
            ConfigurationError: for a model that has no input embeddings.
        """
        model = model_of(pl_module)
        try:
            embeddings = model.get_input_embeddings()
        except NotImplementedError as error:
            raise ConfigurationError(
                f"{type(model).__name__} has no input embeddings to freeze: leave out "
                "callbacks=freeze_embeddings"
            ) from error
        embeddings.requires_grad_(False)
