"""`from=RUN`: a run again, from its start, by the config that it had, with other values where they are typed.

What its command line said is said again. What its config has besides, as the defaults of another day
or a place of the environment gave it, is said as well, so that the config is the same to the last key.
Files of a run may come from anywhere: they say what a run is, and nothing else.
"""

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Transformer

from rnnlab.foundation.files import read_text
from rnnlab.foundation.links import refuse_links
from rnnlab.foundation.masking import MASK, first_line
from rnnlab.foundation.run_folder import RunFolder
from rnnlab.foundation.yaml_file import read_yaml
from rnnlab.runs.hydra_compose import composed
from rnnlab.runs.hydra_overrides import LENGTH, key_of
from rnnlab.runs.matched_size import COUNTED, SIZE
from rnnlab.runs.named_run import folder_here, is_readable_override, named_folder, text_of
from rnnlab.runs.resume_option import AUTO
from rnnlab.runs.saved_config import REACHED_BY
from rnnlab.runs.settings import KEYS
from rnnlab.tracking.artifacts import differing_packages
from rnnlab.tracking.manifest import FOLDER_TAG, OVERRIDES_TAG, Manifest
from rnnlab.tracking.result import Result

FROM = "from"
_KEY = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_][\w-]*)*", re.ASCII)
GROUPS = (*KEYS, "experiment")


@dataclass(frozen=True)
class Recorded:
    """What a run has written down of how it was made.

    Args:
        name: `lstm · adding 50 · s0`.
        overrides: What its command line said.
        config: Plain.
        length_key: The key that is the length of its task.
        packages: The text of its `packages.txt`.
    """

    name: str
    overrides: list[str]
    config: Mapping[str, Any]
    length_key: str
    packages: str


def without_from(words: Sequence[str], folders: Sequence[Path]) -> list[str]:
    """The overrides of a command line, with those of the run that `from=` names in its place.

    Args:
        words: Overrides as they are typed.
        folders: The config folders: rnnlab's own, and the user's.

    Raises:
        ValueError: If there is no such run, or it cannot be read.
    """
    named = [text_of(word) for word in words if key_of(word) == FROM]
    if not named:
        return list(words)
    typed = [word for word in words if key_of(word) != FROM]
    resumes = [word for word in typed if key_of(word) == "resume.run" and text_of(word) != AUTO]
    if len(named) > 1 or resumes:
        raise ValueError("from= begins one run anew, and resume= goes on with one: choose one")
    try:
        recorded = _read(named[0], typed)
        again = _again(recorded, typed, folders)
    except (LookupError, TypeError, AttributeError, OSError, RecursionError) as error:
        why = f"{type(error).__name__}: {first_line(error)}"
        raise ValueError(
            f"from={named[0]}: its files are not as a run writes them ({why})"
        ) from error
    packages = differing_packages(recorded.packages)
    sys.stderr.write(f"from={named[0]}: {recorded.name} again\n{packages}")
    return [*again, *typed]


def _again(recorded: Recorded, typed: Sequence[str], folders: Sequence[Path]) -> list[str]:
    """The overrides that make the run's config, but for what is typed."""
    searched = [f"hydra.searchpath=[{','.join(f'file://{f.absolute()}' for f in folders[1:])}]"]
    places = [*(searched if len(folders) > 1 else []), *(w for w in typed if _is_place(w))]
    chosen = {key_of(word) for word in typed if "." not in key_of(word)}
    said = [word for word in recorded.overrides if _is_of_the_run(word)]
    gives = _composed(places, said)
    said = [word for word in said if not _is_typed(key_of(word), typed, recorded.length_key)]
    anew = [_first(word) for word in typed if _section(word) in chosen & recorded.config.keys()]
    if anew and (has := _keys_of(places, anew)):
        said = [word for word in said if _section(word) not in chosen or key_of(word) in has]
    matched = f"cell.{SIZE}" if _chooses_size(recorded.config, typed) else None
    said = [word for word in said if key_of(word) != matched]
    for key, value in _leaves(recorded.config):
        if key == matched or not _is_kept(key, value, chosen) or _same(gives, key, value):
            continue
        if not _is_typed(key, typed, recorded.length_key):
            said = [*(word for word in said if key_of(word) != key), f"++{key}={_spelled(value)}"]
    return said


def _chooses_size(config: Mapping[str, Any], typed: Sequence[str]) -> bool:
    """Whether the config, with what is typed, has a hidden_size chosen, so that none of before is said again."""
    values = {f"model.{key}": config["model"].get(key) for key in COUNTED}
    values |= {key_of(word): text_of(word) for word in typed if key_of(word) in values}
    return any(value not in (None, "null") for value in values.values())


def _is_kept(key: str, value: Any, chosen: set[str]) -> bool:
    """Whether a leaf of the run's config is said again.

    Raises:
        ValueError: If it is none that a config of a run has.
    """
    section = key.partition(".")[0]
    if not _KEY.fullmatch(key) or section not in KEYS or "${" in str(value):
        raise ValueError(f"from=: {key[:80]} is no key of a run's config, or has no plain value")
    return not (_is_reached_by(key) or section in chosen or MASK in str(value))


def _composed(places: Sequence[str], words: Sequence[str]) -> dict[str, Any]:
    try:
        return dict(_leaves(composed([*places, *words])))
    except ValueError as error:
        raise ValueError(f"from=: {' '.join(words)}: {first_line(error)}") from error


def _keys_of(places: Sequence[str], words: Sequence[str]) -> set[str]:
    """Empty where they cannot be composed: Hydra will say why, once it is asked for all of them."""
    try:
        return {key for key, _ in _leaves(composed([*places, *words]))}
    except ValueError:
        return set()


def _is_of_the_run(word: str) -> bool:
    """Whether a recorded override is one key of the run or one choice; what it may hide, the config has."""
    bare = re.fullmatch(r"(\+{0,2}|~)([^=]+)(=[^{$]*)?", word, re.DOTALL)
    if bare is None or not _KEY.fullmatch(bare[2]) or _section(word) not in GROUPS:
        return False
    return not _is_reached_by(bare[2]) and is_readable_override(word)


def _is_reached_by(key: str) -> bool:
    return any(key == of or key.startswith(f"{of}.") for of in (*REACHED_BY, FROM))


def _is_typed(key: str, typed: Sequence[str], length_key: str) -> bool:
    """Whether the command line sets it, or the length that it is."""
    keys = {key_of(word) for word in typed}
    lengths = {LENGTH, length_key}
    return key in keys or (key in lengths and bool(keys & lengths))


def _is_place(word: str) -> bool:
    return key_of(word) in ("hydra.searchpath", "allow_targets")


def _section(word: str) -> str:
    return key_of(word).partition(".")[0]


def _first(word: str) -> str:
    """Of several values the first, whose keys tell what the others are likely to have."""
    if not is_readable_override(word):
        return word  # Hydra will say why
    parsed = OverridesParser.create().parse_override(word)
    if not parsed.is_sweep_override():
        return word
    return f"{word.partition('=')[0]}={next(iter(parsed.sweep_iterator(transformer=Transformer.encode)))}"


def _leaves(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Each value by its dotted key; an empty section is a value."""
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _same(known: Mapping[str, Any], key: str, value: Any) -> bool:
    """As json has it, where 1 is neither 1.0 nor "1"."""
    return key in known and json.dumps(known[key]) == json.dumps(value)


def _spelled(value: Any) -> str:
    """A value as Hydra reads it back."""
    if isinstance(value, str):
        # Hydra takes a backslash for itself before a quote alone.
        kept = re.sub(r"(\\*)('|$)", lambda m: 2 * m[1] + m[2].replace("'", "\\'"), value)
        return f"'{kept}'"
    if isinstance(value, list):
        return f"[{','.join(map(_spelled, value))}]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_spelled(each)}" for key, each in value.items()) + "}"
    return json.dumps(value)


def _read(name: str, typed: Iterable[str]) -> Recorded:
    if (folder := named_folder(FROM, name)) is not None:
        return _of_folder(folder)
    uris = [text_of(word) for word in typed if key_of(word) == "tracking.uri"]
    return _of_store(name, uris[-1] if uris else None)


def _of_folder(folder: RunFolder) -> Recorded:
    refuse_links(folder)
    result, manifest = Result.read(folder.path), Manifest.read(folder.path)
    return Recorded(
        name=result.name,
        overrides=result.overrides,
        config=_config(folder.config),
        length_key=manifest.params.get("length_key", ""),
        packages=read_text(folder.packages) if folder.packages.exists() else "",
    )


def _of_store(run_id: str, uri: str | None) -> Recorded:
    from mlflow.exceptions import MlflowException

    from rnnlab.tracking.store import existing_store, tracking_uri

    client = existing_store(tracking_uri(uri))
    files = RunFolder(Path())
    try:
        run = client.get_run(run_id)
        if (folder := folder_here(run.data.tags.get(FOLDER_TAG, ""), run_id)) is not None:
            return _of_folder(folder)
        with TemporaryDirectory() as place:
            there = {artifact.path for artifact in client.list_artifacts(run_id)}
            config = Path(client.download_artifacts(run_id, files.config.name, place))
            packages = ""
            if files.packages.name in there:
                path = client.download_artifacts(run_id, files.packages.name, place)
                packages = read_text(Path(path))
            return Recorded(
                name=str(run.info.run_name),
                overrides=run.data.tags.get(OVERRIDES_TAG, "").split(),
                config=_config(config),
                length_key=run.data.params.get("length_key", ""),
                packages=packages,
            )
    except (MlflowException, OSError) as error:
        raise ValueError(f"from={run_id}: no run of rnnlab's: {first_line(error)}") from error


def _config(path: Path) -> Mapping[str, Any]:
    config = read_yaml(path)
    if not isinstance(config, dict):
        raise ValueError(f"{path} is not the config of a run")
    return config
