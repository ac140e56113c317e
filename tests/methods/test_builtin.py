"""The methods that ship with the package: their cards say which they are, and say it rightly."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from vclipbench import methods
from vclipbench.methods import card_files

ORDER = """
clip clip-vip open-vclip open-vclip++ llm-multilabel random vifi vifi-prompt vifi-image vifi-text
"""
PACKAGE = "vclipbench.methods"


def test_the_order_of_the_list():
    assert list(methods.BUILTIN) == ORDER.split()


def test_cards_and_decorators_name_the_same_classes():
    """In a process of its own: other tests register and forget methods."""
    code = """
import importlib
from pathlib import Path
from vclipbench import methods
from vclipbench.methods.base import METHODS
for file in Path(methods.__file__).parent.glob("*.py"):
    importlib.import_module(f"vclipbench.methods.{file.stem}".removesuffix(".__init__"))
own = {id: f"{cls.__module__}:{cls.__qualname__}" for id, cls in METHODS.module_dict.items()}
assert own == methods.BUILTIN, (own, methods.BUILTIN)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_they_are_known_without_a_heavy_import():
    code = (
        "import sys, vclipbench.methods as methods\n"
        "assert 'vifi' in methods.BUILTIN\n"
        "print([m for m in ('torch', 'numpy', 'mmengine', 'pydantic') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of the cards, in place of the package's."""
    for file in Path(methods.__file__).parent.glob("*.yaml"):
        shutil.copy(file, tmp_path)
    monkeypatch.setattr(card_files.resources, "files", lambda package: tmp_path)
    return tmp_path


def test_a_card_beside_a_new_module_is_all_that_a_method_needs(folder):
    (folder / "a_new_one.yaml").write_text("methods:\n  new:\n    class: New\n    summary: new\n")
    found = card_files.builtin.__wrapped__()
    assert list(found) == [*ORDER.split(), "new"]
    assert found["new"] == "vclipbench.methods.a_new_one:New"


def test_an_id_of_two_cards_is_refused(folder):
    shutil.copy(folder / "clip.yaml", folder / "second.yaml")
    with pytest.raises(ValueError, match="yaml: the method 'clip' has a card in another file too"):
        card_files.builtin.__wrapped__()
