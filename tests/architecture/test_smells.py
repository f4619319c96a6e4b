"""The smells that the design forbids, found in the syntax trees of the sources: each rule has its few places and reasons."""

import ast
import inspect
import re
from functools import cache
from pathlib import Path

import pytest

import pyphoton

PACKAGE = Path(pyphoton.__file__).parent
ROOT = PACKAGE.parent
TESTS = Path(__file__).parents[1]
ENGINES = {"torch", "juliacall", "juliapkg", "julia", "keras", "tensorflow", "jax"}
MOST_LINES, MOST_FUNCTION_LINES, MOST_PUBLIC, MOST_WORKOUT_LINES = 400, 50, 12, 300


@cache
def trees(folder=PACKAGE):
    """The syntax tree of each source file, by its path in the folder."""
    return {p.relative_to(folder).as_posix(): ast.parse(p.read_text("utf-8")) for p in sorted(folder.rglob("*.py"))}


def nodes(kind, folder=PACKAGE):
    """(file, node) of every node of a kind."""
    return [(file, node) for file, tree in trees(folder).items() for node in ast.walk(tree) if isinstance(node, kind)]


def places(found):
    """What a failed test shows: file, line and source of each finding."""
    return [f"{file}:{node.lineno} {ast.unparse(node)[:90]}" for file, node in found]


def inside(file, *allowed):
    """Whether a file is one of the allowed files or lies in an allowed folder."""
    return any(file == a or (a.endswith("/") and file.startswith(a)) for a in allowed)


def test_the_sources_are_found():
    """The rules below look at something: the package's files are there, the core among them."""
    assert {"workout.py", "graph.py", "plan.py", "backends/torch/lower.py", "layers/core.py"} <= set(trees())
    assert len(nodes(ast.FunctionDef)) > 300


def strings(node):
    """The strings among a comparison's or a pattern's constants."""
    return {n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def test_no_backend_is_asked_for_its_name():
    """`if backend.name == "julia"` stands nowhere outside backends, interop, doctor and demo: a backend is a folder, not a case."""
    names = {p.name for p in (PACKAGE / "backends").iterdir() if p.is_dir() and not p.name.startswith("_")} | {"julia", "auto"}
    assert {"torch", "numpy"} <= names
    found = [
        (file, node)
        for file, node in nodes(ast.Compare | ast.MatchValue)
        if strings(node) & names and not inside(file, "backends/", "interop/", "doctor.py", "demo.py")
    ]
    found += [
        (file, node)
        for file, node in nodes(ast.Compare)
        if re.search(r"backend\w*(\(\))?\.name\b", ast.unparse(node)) and not inside(file, "backends/", "interop/", "doctor.py", "demo.py")
    ]
    assert places(found) == []


def modules(node):
    """The top-level names of the modules that a statement or call imports."""
    if isinstance(node, ast.Import):
        return {alias.name.split(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        return {(node.module or "").split(".")[0]} if node.level == 0 else set()
    name = ast.unparse(node.func)
    loads = name.endswith(("import_module", "__import__"))
    return {n.split(".")[0] for n in strings(node)} if loads else set()


def test_engines_are_imported_only_in_their_folders():
    """torch is imported in backends/torch, Julia in backends/julia, both in interop, and Keras and JAX, for their models and arrays, in interop only."""
    homes = {"torch": ("backends/torch/", "interop/"), "julia": ("backends/julia/", "interop/"), "keras": ("interop/",), "jax": ("interop/",)}
    found = []
    for file, node in nodes(ast.Import | ast.ImportFrom | ast.Call):
        for name in modules(node) & ENGINES:
            home = () if name == "tensorflow" else homes.get(name, homes["julia"])
            if not inside(file, *home):
                found.append((file, node))
    assert places(found) == []
    assert any(file.startswith("backends/torch/") and "torch" in modules(node) for file, node in nodes(ast.Import))


def test_backends_do_not_know_each_other():
    """The torch folder may look at NumPy's (the reference); no other backend imports another one."""
    found = []
    for file, node in nodes(ast.ImportFrom):
        own = re.match(r"backends/(\w+)/", file)
        other = re.match(r"pyphoton\.backends\.(\w+)\.", f"{node.module}.")
        if own and other and (PACKAGE / "backends" / other[1]).is_dir() and other[1] not in (own[1], "numpy"):
            found.append((file, node))
    assert places(found) == []


def test_no_exception_is_swallowed():
    """`except Exception` (or wider) raises again at its end, or says on its line why not; nothing is suppressed."""
    wide = {"Exception", "BaseException"}
    found = []
    for file, node in nodes(ast.ExceptHandler):
        names = {n.id for n in ast.walk(node.type) if isinstance(n, ast.Name)} if node.type else wide
        line = (PACKAGE / file).read_text("utf-8").splitlines()[node.lineno - 1]
        told = re.search(r"# noqa: BLE001\s+\(.{20,}\)", line)
        if names & wide and not isinstance(node.body[-1], ast.Raise) and not told:
            found.append((file, node))
        if all(isinstance(s, ast.Pass) for s in node.body) and names & wide:
            found.append((file, node))
    found += [(f, n) for f, n in nodes(ast.Call) if ast.unparse(n.func).endswith("suppress") and {ast.unparse(a) for a in n.args} & wide]
    assert places(found) == []


TURNING = {
    "backends/torch/lower.py": "torch's views of canonical parameters",
    "backends/torch/scan_layout.py": "a scan's sequences step by step in memory, and the matrices of its way back",
    "backends/numpy/layers.py": "the reference moves axes of data, not of parameters",
    "ops.py": "the meaning of the operation transpose",
    "tensor.py": "the method and property of symbolic tensors",
    "keras/ops.py": "the Keras face's function of that name",
    "data/moving.py": "data of the user with the samples last, as Julia keeps them, are turned on demand",
    "flux/matrix.py": "W @ x: a net's matrix (out, in) on the left of a batch",
    "keras/layers/stock.py": "channels last, as today's Keras has them, around layers that have them first",
    "keras/layers/keraflow_conv.py": "Keraflow's kernels (in, out, ...) become (out, in, ...)",
    "plots.py": "images are shown with their channels last",
    "initialisers.py": "an orthogonal matrix is drawn tall and laid on its side",
    "interop/keras_layers.py": "Keras's kernels of convolutions stand with their channels last",
    "interop/keras_table.py": "the same, for models that come from Keras and go there",
    "interop/photon/recurrent.py": "Knet's recurrent kernels stand (hidden, in), gate by gate",
    "interop/torch_layout.py": "torch's dense and recurrent kernels stand (out, in)",
}


def test_axes_are_turned_only_where_it_is_written_down():
    """.T, permute, transpose, swapaxes and moveaxis stand in the files above only, and each of these still needs its place."""
    words = {"T", "mT", "permute", "transpose", "swapaxes", "moveaxis", "rollaxis", "permute_dims", "t", "movedim"}
    found = [(file, node) for file, node in nodes(ast.Attribute) if node.attr in words]
    assert places([(file, node) for file, node in found if file not in TURNING]) == []
    written = {file for file, _ in found} | {file for file, f in nodes(ast.FunctionDef) if f.name in words}
    assert written == set(TURNING)


def test_julia_turns_axes_in_layout_only():
    """Row and column order, axis numbers and 0- or 1-based counting stand in julia/src/layout.jl and nowhere else; seval nowhere."""
    pattern = re.compile(
        r"permutedims|PermutedDims|(?<!Iterators\.)\breverse\(|reverse\((size|shape|axes|dims)|ndims\([^)]*\)\s*-|\.\+\s*1\b|\bseval\b"
    )
    sources = [p for folder in ("src", "ext") for p in sorted((ROOT / "julia" / folder).rglob("*.jl")) if p.name != "layout.jl"]
    found = [
        f"{p.relative_to(ROOT)}:{i} {line.strip()}"
        for p in sources
        for i, line in enumerate(p.read_text("utf-8").splitlines(), 1)
        if pattern.search(line.split("#")[0])
    ]
    assert found == []


def test_files_and_functions_are_short():
    """No file has more than 400 lines and no function more than 50."""
    long = {p.name: n for p in PACKAGE.rglob("*.py") if (n := len(p.read_text("utf-8").splitlines())) > MOST_LINES}
    assert long == {}
    functions = [(f, n) for f, n in nodes(ast.FunctionDef | ast.AsyncFunctionDef) if n.end_lineno - n.lineno + 1 > MOST_FUNCTION_LINES]
    assert places(functions) == []


def test_workout_is_no_god_class():
    """Workout has at most a dozen public methods and properties, and stays a class that one can read."""
    public = [name for name, value in vars(pyphoton.Workout).items() if not name.startswith("_") and (callable(value) or isinstance(value, property))]
    assert {"fit_", "step_", "validate", "evaluate", "predict", "gradients", "freeze_", "unfreeze_"} <= set(public)
    assert len(public) <= MOST_PUBLIC, public
    assert len(inspect.getsource(pyphoton.Workout).splitlines()) <= MOST_WORKOUT_LINES


SAID = {"fitting.py": "interrupted after step", "backends/julia/runtime.py": "pyphoton: {text}", "backends/__init__.py": "RuntimeWarning", "backends/julia/probe.py": "json.dumps", "callbacks/console.py": "flush=True", "callbacks/tensorboard_meter.py": "RuntimeWarning", "flux/train.py": "accuracy(m, test)", "keras/model.py": "{text}", "keras/saving/weights.py": "has no parameters"}


def test_nothing_prints_but_the_demo_and_what_people_wait_for():
    """A library is quiet: print stands in the commands, and once each where Ctrl-C is answered, Julia is waited for, an engine is passed over,
    a ConsoleMeter was asked for, a TensorBoardMeter finds no tensorboard, Flux's train_ got a test set, which is there to be shown, Keras's model.summary() was asked for, and weights were to be written of a model without any."""
    found = [(f, n) for f, n in nodes(ast.Call) if ast.unparse(n.func) in ("print", "sys.stdout.write", "sys.stderr.write", "warnings.warn")]
    elsewhere = [(f, n) for f, n in found if not inside(f, "demo.py", "__main__.py", "doctor.py", "install.py")]
    assert places([(f, n) for f, n in elsewhere if SAID.get(f, "nothing") not in ast.unparse(n)]) == []
    assert sorted(f for f, _ in elsewhere) == sorted(SAID)


def test_no_layer_knows_a_backend():
    """Descriptions do not import backends, networks or workouts at their top: what computes stands in the backends."""
    found = []
    for file, tree in trees().items():
        if inside(file, "layers/", "losses.py", "metrics.py", "optimisers.py", "initialisers.py", "activations.py", "ops.py", "plan.py"):
            found += [
                (file, n)
                for n in tree.body
                if isinstance(n, ast.ImportFrom | ast.Import)
                and re.search(r"pyphoton\.(backends|network|workout|data)\b|\bbackends\b|\bnetwork\b|\bworkout\b", ast.unparse(n))
            ]
    assert places(found) == []


def test_no_code_of_the_users_data_is_executed():
    """eval, exec, pickle and seval stand nowhere in the library; torch.load in one place, where it makes tensors and executes nothing."""
    words = {"eval", "exec", "compile", "seval", "pickle.load", "pickle.loads", "torch.load", "marshal.loads"}
    found = [(f, n) for f, n in nodes(ast.Call) if ast.unparse(n.func) in words or ast.unparse(n.func).endswith(".seval")]
    restricted = [(f, n) for f, n in found if ast.unparse(n.func) == "torch.load" and any(k.arg == "weights_only" and ast.unparse(k.value) == "True" for k in n.keywords)]
    assert [f for f, _ in restricted] == ["interop/torch_files.py"]
    assert places([(f, n) for f, n in found if (f, n) not in restricted and not inside(f, "backends/julia/runtime.py")]) == []
    assert places([(f, n) for f, n in nodes(ast.Import | ast.ImportFrom) if modules(n) & {"pickle", "marshal", "shelve", "dill"}]) == []


def test_it_runs_on_python_3_10():
    """No syntax and no name of the standard library that Python 3.10, the oldest that is promised, does not have."""
    newer = {
        "typing": {"Self", "dataclass_transform", "assert_never", "LiteralString", "Never", "Required", "NotRequired", "Unpack", "override", "reveal_type"},
        "enum": {"StrEnum"},
        "datetime": {"UTC"},
        "contextlib": {"chdir"},
        "itertools": {"batched"},
    }
    found = []
    for file, tree in trees().items():
        ast.parse((PACKAGE / file).read_text("utf-8"), feature_version=(3, 10))
        guarded = {id(n) for i in ast.walk(tree) if isinstance(i, ast.If | ast.Try) for n in ast.walk(i)}
        found += [
            (file, n)
            for n in ast.walk(tree)
            if isinstance(n, ast.ImportFrom) and {a.name for a in n.names} & newer.get(n.module or "", set()) and id(n) not in guarded
        ]
        found += [(file, n) for n in ast.walk(tree) if isinstance(n, ast.Import) and modules(n) & {"tomllib"} and id(n) not in guarded]
        found += [(file, n) for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id in ("ExceptionGroup", "BaseExceptionGroup")]
        found += [
            (file, n)
            for n in ast.walk(tree)
            if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and n.func.attr == "add_note" and id(n) not in guarded
        ]
    assert places(found) == []


# ---- tests and texts ----------------------------------------------------------------------------------------------------------


def test_every_skip_says_why():
    """skip, skipif, xfail and importorskip carry a reason, and each line of tests/xfails a sentence."""
    found = []
    for file, node in nodes(ast.Call, TESTS):
        name = ast.unparse(node.func)
        if not re.search(r"(^|\.)(skip|skipif|xfail|importorskip|skipTest)$", name):
            continue
        reasons = [k.value for k in node.keywords if k.arg == "reason"]
        reasons += node.args[:1] if name in ("pytest.skip", "pytest.xfail", "skip", "xfail") else []
        if not reasons or (isinstance(reasons[0], ast.Constant) and len(str(reasons[0].value).split()) < 3):
            found.append((file, node))
    marks = [(f, n) for f, n in nodes(ast.Attribute, TESTS) if re.search(r"mark\.(skip|xfail)$", ast.unparse(n))]
    called = {id(n.func) for _, n in nodes(ast.Call, TESTS)}
    found += [(f, n) for f, n in marks if id(n) not in called]
    assert places(found) == []
    for file in (TESTS / "xfails").glob("*.txt"):
        lines = [line for line in file.read_text("utf-8").splitlines() if line.strip() and not line.startswith("#")]
        assert [line for line in lines if len(line.split()) < 4] == []


def test_tests_use_no_mocks_and_do_not_sleep_long():
    """Tests run the real thing: no mock library; every assertion can fail (no `assert True`, no `or True`)."""
    assert places([(f, n) for f, n in nodes(ast.Import | ast.ImportFrom, TESTS) if "mock" in ast.unparse(n)]) == []
    empty = [(f, n) for f, n in nodes(ast.Assert, TESTS) if isinstance(n.test, ast.Constant)]
    empty += [
        (f, n)
        for f, n in nodes(ast.Assert, TESTS)
        if isinstance(n.test, ast.BoolOp) and isinstance(n.test.op, ast.Or) and any(isinstance(v, ast.Constant) and v.value for v in n.test.values)
    ]
    assert places(empty) == []


@pytest.mark.parametrize("folder", [PACKAGE, TESTS], ids=["package", "tests"])
def test_every_test_and_public_function_has_a_docstring(folder):
    """Public functions and classes of the package, and every test, say in a sentence what they are for."""
    found = []
    for file, tree in trees(folder).items():
        if inside(file, "conformance/conftest.py", "conftest.py"):
            continue
        bodies = [tree, *(n for n in tree.body if isinstance(n, ast.ClassDef) and not n.name.startswith("_") and folder == PACKAGE)]
        for body in bodies:
            for n in body.body:
                named = isinstance(n, ast.FunctionDef | ast.ClassDef)
                wanted = named and (n.name.startswith("test_") if folder == TESTS else not n.name.startswith("_"))
                overload = named and any("overload" in ast.unparse(d) or "setter" in ast.unparse(d) for d in n.decorator_list)
                assigned = named and isinstance(n, ast.ClassDef) and any("__doc__" in ast.unparse(s) for s in n.body)
                if wanted and not overload and not assigned and not ast.get_docstring(n):
                    found.append((file, n))
    assert [f"{file}:{n.lineno} {n.name}" for file, n in found] == []


def test_no_path_of_one_machine_is_written_down():
    """Nothing in the repository names a folder that only one machine has."""
    folders = ["pyphoton", "tests", "docs", "examples", "benchmarks", "README.md", "CHANGELOG.md", "Makefile", ".ci", "pyproject.toml"]
    files = [f for name in folders for f in ([ROOT / name] if (ROOT / name).is_file() else sorted((ROOT / name).rglob("*")))]
    texts = [f for f in files if f.is_file() and f.suffix in (".py", ".md", ".txt", ".toml", ".json", ".jl", ".sh", "", ".yml", ".cfg")]
    assert len(texts) > 60
    pattern = re.compile(r"(?<![\w.~])/(home|root|opt|work|Users|mnt|tmp)/\w|[A-Z]:\\\\?Users")
    found = [f"{f.relative_to(ROOT)}:{i}" for f in texts for i, line in enumerate(f.read_text("utf-8").splitlines(), 1) if pattern.search(line)]
    assert found == []
