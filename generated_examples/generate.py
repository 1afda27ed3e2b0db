"""Render the examples again: `make examples`.

Each is a project as `ltscaffold new-task` writes it, with edits such as a user makes. The edits
live here; the test suite compares the committed projects with a fresh run of this script.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from ltscaffold.commands.new_task import new_task

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Example:
    """A project to generate.

    Attributes:
        task: name of the task in it.
        base: the task of the runtime that it is based on.
        hooks: the stubs that are generated.
        package: folder of the tasks.
        edits: per file, the text that was generated and what the user makes of it.
    """

    task: str
    base: str
    hooks: list[str]
    package: str
    edits: dict[str, list[tuple[str, str]]]

    def generate(self, project: Path) -> None:
        """Write the project into a folder that is there and empty."""
        new_task(project, self.task, self.base, self.hooks, package=self.package)
        for path, edits in self.edits.items():
            text = (project / path).read_text()
            for generated, edited in edits:
                assert text.count(generated) == 1, f"{path}: {generated!r}"
                text = text.replace(generated, edited)
            (project / path).write_text(text)


EXAMPLES = {
    "custom_language_modeling": Example(
        task="my_language_modeling",
        base="language_modeling",
        hooks=["setup", "training_step"],
        package="examples",
        edits={
            "examples/my_language_modeling/model.py": [
                ("from lightning_transformers.core", "import torch\nfrom lightning_transformers.core"),
                (
                    "    # New hooks go",
                    "    noise_std: float = 0.1\n\n    # New hooks go",
                ),
                (
                    "        super().setup(stage)\n",
                    "        super().setup(stage)\n"
                    "        # In on_fit_start, DDP would have wrapped the model already.\n"
                    '        if stage == "fit":\n'
                    "            for parameter in self.model.base_model.parameters():\n"
                    "                parameter.requires_grad = False\n",
                ),
                (
                    "        return super().training_step(batch, batch_idx)\n",
                    "        # Before the forward: autograd refuses a weight that changes after it.\n"
                    '        generator = self.generator("weight_noise")\n'
                    "        with torch.no_grad():\n"
                    "            for parameter in self.model.parameters():\n"
                    "                if parameter.requires_grad:\n"
                    "                    noise = torch.empty_like(parameter)\n"
                    "                    noise.normal_(std=self.noise_std, generator=generator)\n"
                    "                    parameter.add_(noise)\n"
                    "        return super().training_step(batch, batch_idx)\n",
                ),
            ],
            "conf/task/nlp/my_language_modeling.yaml": [
                ("Transformer\n", "Transformer\nnoise_std: 0.1\n"),
            ],
        },
    ),
}


def main() -> None:
    """Replace every committed example with a fresh one."""
    for name, example in EXAMPLES.items():
        project = HERE / name
        shutil.rmtree(project, ignore_errors=True)
        project.mkdir()
        example.generate(project)
        print(f"generated_examples/{name}")


if __name__ == "__main__":
    main()
