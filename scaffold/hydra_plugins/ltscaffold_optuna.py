"""The sweeper of `hydra/sweeper=optuna`.

Hydra imports each module of `hydra_plugins`, a namespace package, whenever it starts, and takes
only classes that are defined there: everything else is imported when a sweep begins. Without an
entry of the module in `sys.modules`, a dataclass cannot have postponed annotations.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hydra.core.config_store import ConfigStore
from hydra.plugins.sweeper import Sweeper

if TYPE_CHECKING:
    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig


@dataclass
class OptunaConfig:
    """Settings of the sweeper; `docs/how-to/sweeps.md` explains them."""

    _target_: str = "hydra_plugins.ltscaffold_optuna.OptunaSweeper"
    n_trials: int | None = None
    n_jobs: int = 1
    sampler: str = "tpe"
    pruner: str | None = None
    seed: int = 0
    study: str | None = None
    params: dict[str, str] = field(default_factory=dict)


ConfigStore.instance().store(group="hydra/sweeper", name="optuna", node=OptunaConfig)


class OptunaSweeper(Sweeper):
    """Runs the trials of a study of Optuna."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def setup(
        self, *, hydra_context: "HydraContext", task_function: "TaskFunction", config: "DictConfig"
    ) -> None:
        """Store what `sweep` needs."""
        self.context, self.function = hydra_context, task_function
        self.composed = config

    def sweep(self, arguments: list[str]) -> None:
        """Run the trials.

        Args:
            arguments: the overrides of the command line that are not Hydra's.

        Raises:
            ConfigurationError: if Optuna is missing, or for an invalid setting.
        """
        from lightning_transformers.base.errors import ConfigurationError

        try:
            import optuna  # noqa: F401
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                'hydra/sweeper=optuna needs Optuna: pip install "ltscaffold[sweep]"'
            ) from error
        from lightning_transformers.sweeps.search import Search

        search = Search(self.composed, self.settings, arguments, self.context)
        search.run(self.function)
