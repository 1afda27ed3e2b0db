"""Conversations, chat templates, and the texts in them that contribute to the loss."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning_transformers.core import Batch
from lightning_transformers.models.backbone import Backbone
from lightning_transformers.task.nlp.language_modeling import LanguageModelingDataModule
from tests.helpers.language_modeling import TINY

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '</s>' + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


MARKED = (
    "{% for m in messages %}{{ '# ' + m.role + '\n' }}{% if m.role == 'assistant' %}"
    "{% generation %}{{ m.content }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}"
    "{{ '</s>' }}{% endfor %}{% if add_generation_prompt %}{{ '# assistant\n' }}{% endif %}"
)


def message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def conversation(*turns: str) -> list[dict[str, str]]:
    """Return turns of the user and of the assistant."""
    return [message(("user", "assistant")[n % 2], turn) for n, turn in enumerate(turns)]


def write(rows: Sequence[Any], column: str = "messages") -> str:
    file = Path("chat.jsonl")
    file.write_text("".join(json.dumps({column: row}) + "\n" for row in rows))
    return str(file)


def chat(tokenizer: Any = None, **hyperparameters: Any) -> LanguageModelingDataModule:
    """Return a data module with a tokenizer of its own: it takes the template."""
    values = {"messages_column": "messages", "block_size": 128} | hyperparameters
    tokenizer = tokenizer or Backbone(f"{TINY}/gpt2").load_tokenizer()
    return LanguageModelingDataModule(tokenizer, **values)


def batch_of(data: LanguageModelingDataModule, file: str) -> Batch:
    data.train_file = data.validation_file = file
    data.group_by_length = False
    data.setup("fit")
    return next(iter(data.val_dataloader()))


def learned(data: LanguageModelingDataModule, batch: Batch) -> list[str]:
    """Return the text of the labeled tokens in each row."""
    rows = zip(batch["input_ids"], batch["labels"], strict=True)
    return [str(data.tokenizer.decode(ids[labels != -100])) for ids, labels in rows]


TWO = conversation("Hi!", "Hello, you.", "Who's there?", "Nobody, my dear.")
