import subprocess
import sys

import pytest
from vclipbench.bench import registry
from vclipbench.bench.errors import UserError

PLUGIN = """
from vclipbench.methods.base import METHODS
from vclipbench.methods.vifi import ViFiCLIP
from vclipbench.protocols.base import Plan, Protocol
from vclipbench.protocols.zero_shot import ZS_SHAPES  # a built-in one, which is not ours


@METHODS.register_module("mine")
class Mine(ViFiCLIP):
    card = {"summary": "a method of mine", "options": {"depth": {"default": 2, "help": "layers"}}}


class Nothing(Protocol):
    def plan(self, variant, seed, data):
        return Plan(variant, ())

    def summarise(self, metrics):
        return []


NOTHING = Nothing(
    id="zs-mine",
    summary="nothing at all",
    family="zs",
    dataset="mine",
    metric="none",
    primary="none",
)
"""


@pytest.fixture(autouse=True)
def _same_registry():
    """Forget the methods that a test registers."""
    from vclipbench.methods import METHODS

    before = dict(METHODS.module_dict)
    yield
    METHODS.module_dict.clear()
    METHODS.module_dict.update(before)


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(PLUGIN)
    return path


def install(folder, monkeypatch, modules, points):
    """A distribution with entry points, as pip would leave it."""
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, name, raising=False)
    info = folder / "fancy_clip-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fancy-clip\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(points)
    monkeypatch.syspath_prepend(str(folder))


def test_builtin_ids_cost_no_heavy_import():
    code = """
import sys
from vclipbench.bench import registry
for kind in registry.KINDS:
    assert all(e.summary and e.origin == "built in" for e in registry.entries(kind).values())
assert "vifi" in registry.entries("methods") and "shapes" in registry.entries("datasets")
registry.card("vifi"), registry.protocol("b2n-shapes"), registry.method_module("vifi")
try:
    registry.resolve("methods", "vfi")
except Exception as error:
    print(error)
print([m for m in ("torch", "open_clip", "mmengine", "cv2", "av") if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    assert first == "unknown method 'vfi'; did you mean 'vifi'? (bench list methods)"
    assert second == "[]"


def test_unknown_ids_name_the_nearest():
    with pytest.raises(UserError, match="unknown protocol 'b2n-shape'; did you mean 'b2n-shapes'"):
        registry.protocol("b2n-shape")
    with pytest.raises(UserError, match=r"unknown dataset 'qqq' \(bench list datasets\)"):
        registry.resolve("datasets", "qqq")
    with pytest.raises(UserError, match="unknown kind 'method'; did you mean 'methods'"):
        registry.entries("method")


def test_a_plugin_file_adds_a_method_and_a_protocol(plugin):
    from vclipbench.methods.build import method_class

    found = registry.entries("methods", [plugin])
    assert found["mine"].summary == "a method of mine"
    assert found["mine"].origin == str(plugin)
    assert found["mine"].error is None
    assert registry.card("mine", [plugin]).options["depth"].default == 2
    assert method_class("mine").__name__ == "Mine"
    assert list(registry.entries("protocols", [plugin]))[-1] == "zs-mine"
    assert registry.protocol("zs-mine", [plugin]).summary == "nothing at all"
    assert not any(e.error for e in registry.entries("protocols", [plugin]).values())
    with pytest.raises(UserError, match="unknown method 'mine'"):
        registry.resolve("methods", "mine")
    with pytest.raises(UserError, match="did you mean 'mine'"):
        registry.resolve("methods", "mime", [plugin])


def test_a_broken_plugin_breaks_nothing_else(tmp_path):
    broken = tmp_path / "broken.py"
    broken.write_text(f"{PLUGIN}\nimport no_such_module\n")
    found = registry.entries("methods", [broken])
    assert found["broken.py"].error == "ModuleNotFoundError: No module named 'no_such_module'"
    assert found["vifi"].error is None
    assert "mine" not in found
    assert registry.resolve("methods", "vifi", [broken]).origin == "built in"
    with pytest.raises(UserError, match=r"unknown method 'mine'.*broken\.py is broken: Module"):
        registry.resolve("methods", "mine", [broken])


def test_a_plugin_that_leaves_the_process_is_broken(tmp_path):
    path = tmp_path / "leaving.py"
    path.write_text("raise SystemExit('bye')")
    assert registry.entries("datasets", [path])["leaving.py"].error == "SystemExit: bye"


def test_a_plugin_file_must_exist(tmp_path):
    with pytest.raises(UserError, match=r"plugin file .*none\.py does not exist"):
        registry.resolve("methods", "vifi", [tmp_path / "none.py"])


def test_a_taken_id_is_refused_and_its_owner_still_works(tmp_path, monkeypatch):
    from vclipbench.methods import METHODS
    from vclipbench.methods.build import method_class

    METHODS.module_dict.pop("clip", None)  # as in a process that has not imported it yet
    monkeypatch.delitem(sys.modules, "vclipbench.methods.clip", raising=False)
    path = tmp_path / "thief.py"
    path.write_text(PLUGIN.replace('"mine"', '"clip"').replace("zs-mine", "zs-shapes"))
    found = registry.entries("methods", [path])
    assert found["clip"].error is None
    assert found[f"clip ({path})"].error == "the id is taken (built in); it needs another one"
    for kind, id in (("methods", "clip"), ("protocols", "zs-shapes")):
        with pytest.raises(UserError, match=r"thief\.py: the id is taken"):
            registry.resolve(kind, id, [path])
    assert method_class("clip").__name__ == "MeanCLIP"


def test_installed_plugins(tmp_path, monkeypatch):
    install(
        tmp_path,
        monkeypatch,
        {
            "fancy_good": PLUGIN,
            "fancy_bad": "import no_such_module",
            "fancy_data": "D = 'my clips'",
        },
        "[vclipbench.methods]\nmine = fancy_good:Mine\nbad = fancy_bad:Bad\nodd = fancy_good:Mine\n"
        "[vclipbench.protocols]\nzs-mine = fancy_good:NOTHING\nzs-odd = fancy_good:NOTHING\n"
        "[vclipbench.datasets]\nclips = fancy_data:D\n",
    )
    with pytest.raises(UserError, match="did you mean 'mine'"):
        registry.resolve("methods", "mime")
    assert registry.resolve("methods", "mine").origin == "fancy-clip 1.2"
    assert "fancy_good" not in sys.modules
    found = registry.entries("methods")
    assert found["mine"].summary == "a method of mine"
    assert found["bad"].error == "ModuleNotFoundError: No module named 'no_such_module'"
    assert found["odd"].error == "fancy_good registers no method 'odd'"
    assert found["vifi"].error is None
    assert registry.protocol("zs-mine").id == "zs-mine"
    assert "is not a Protocol with the id 'zs-odd'" in (
        registry.entries("protocols")["zs-odd"].error or ""
    )
    assert registry.entries("datasets")["clips"].summary == "my clips"
    with pytest.raises(UserError, match=r"method 'bad' of fancy-clip 1\.2 cannot be used: Module"):
        registry.card("bad")


def test_a_wrong_card_is_named(tmp_path):
    path = tmp_path / "odd.py"
    path.write_text(PLUGIN.replace('"summary"', '"sumary"'))
    assert registry.entries("methods", [path])["mine"].error.startswith("its card is wrong:")
    with pytest.raises(UserError, match=r"method 'mine' of .*its card is wrong"):
        registry.card("mine", [path])
