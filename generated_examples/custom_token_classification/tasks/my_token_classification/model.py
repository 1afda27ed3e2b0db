"""Model of the task `my_token_classification`."""

from typing import Any

from lightning_transformers.recipes import head_parameters
from lightning_transformers.task.nlp.token_classification import (
    TokenClassificationTransformer,
)


class MyTokenClassificationTransformer(TokenClassificationTransformer):
    """Token classification model."""

    head_lr: float = 1e-3  # learning rate of the head

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return the parameter groups that the optimizer is built from."""
        head = {id(parameter) for parameter in head_parameters(self.model)}
        groups = []
        for group in super().parameter_groups():
            backbone = [p for p in group["params"] if id(p) not in head]
            new = [p for p in group["params"] if id(p) in head]
            groups.append({**group, "params": backbone})
            groups.append({**group, "params": new, "lr": self.head_lr})
        return groups
