"""Calls and imports by which a program would run what a file says, found in its syntax tree."""

import ast
from collections.abc import Iterator

MODULES = {"pickle", "_pickle", "dill", "shelve", "marshal", "joblib"}
BUILTINS = {"eval", "exec", "compile"}
OF_YAML = {"load", "load_all", "full_load", "full_load_all", "unsafe_load", "unsafe_load_all"}
NAMED = {  # module: what none may take from it by name
    "builtins": BUILTINS,
    "yaml": OF_YAML | {"Loader", "FullLoader", "UnsafeLoader"},
    "torch": {"load"},  # its calls are looked at, and are known by `torch.`
}


def unsafe_loading(program: str) -> list[str]:
    """Each of them, with its line."""
    return [
        f"line {node.lineno}: {what}"
        for node in ast.walk(ast.parse(program))
        if isinstance(node, ast.stmt | ast.expr)
        for what in _of_node(node)
    ]


def _of_node(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (a.name for a in node.names if a.name.partition(".")[0] in MODULES)
    elif isinstance(node, ast.ImportFrom):
        module = (node.module or "").partition(".")[0]
        if module in MODULES:
            yield module
        yield from (f"{module}.{a.name}" for a in node.names if a.name in NAMED.get(module, ()))
    elif isinstance(node, ast.Call):
        yield from _of_call(node)


def _of_call(call: ast.Call) -> Iterator[str]:
    owner, _, name = ast.unparse(call.func).rpartition(".")
    keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    if owner in ("", "builtins") and name in BUILTINS:
        yield name
    if owner == "yaml" and name in OF_YAML:
        yield f"yaml.{name}"
    if owner in MODULES and name.startswith("load"):
        yield f"{owner}.{name}"
    if owner == "torch" and name == "load" and keywords.get("weights_only") != "True":
        yield "torch.load without weights_only=True"
    if keywords.get("allow_pickle", "False") != "False":
        yield f"{owner}.{name} with allow_pickle"
