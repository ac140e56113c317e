"""Whether a record's identity is that of its protocol, and its other blocks agree with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from ...leaderboard.record.record import Record
from ...protocols.audit import classes_seen
from ...protocols.base import Protocol
from ...protocols.family import family_of
from ...protocols.published import Published
from ...protocols.split import digest
from ..config.schema import Evaluation, ViewsSettings
from ..plan.plan import SAMPLING
from ..plan.prompts import ensembling_of
from .lists import Known
from .rebuilt import Rebuilt


def identity_problems(rebuilt: Rebuilt, known: Known) -> Iterator[str]:
    """What of the identity, and of what has to agree with it, cannot be."""
    record = rebuilt.record
    yield from _digests(rebuilt, known)
    yield from _words(record)
    yield from _prompts(rebuilt, known)
    if known.protocol is not None:
        yield from _protocol(record, known.protocol, known)
    yield from _command(record)
    if rebuilt.told:
        yield from _exposure(record)
        yield from _compact(rebuilt)


def _digests(rebuilt: Rebuilt, known: Known) -> Iterator[str]:
    identity = rebuilt.record.identity.protocol
    if identity.templates_digest != digest(identity.templates):
        yield "templates_digest is not that of its templates"
    names: list[Any] | None = None
    if "captions" not in {rebuilt.kind(name) for name in rebuilt.names}:
        if rebuilt.told or known.splits:
            names = [rebuilt.classes(name) for name in rebuilt.names]
    elif known.splits and not rebuilt.record.limited:  # texts of captions are in no record
        names = [split.texts for split in known.splits.values()]
    if names is not None and identity.class_names_digest != digest(names):
        yield "class_names_digest is not that of its classes"


def _words(record: Record) -> Iterator[str]:
    """Values that no run can have."""
    identity, rules = record.identity.protocol, record.identity.eval
    sampling = [SAMPLING.get(word, word) for word in _choices(ViewsSettings, "sampling")]
    merges = [f"mean-{word}" for word in _choices(ViewsSettings, "merge")]
    for what, said, known in (
        ("sampling", identity.sampling, sampling),
        ("views.merge", identity.views.merge, merges),
        ("eval.tie_rule", rules.tie_rule, _choices(Evaluation, "tie_rule")),
        (
            "prompt_ensembling",
            identity.prompt_ensembling,
            [ensembling_of(identity.templates)],
        ),
    ):
        if said not in known:
            yield f"{what} is {said}, which is none of {', '.join(known)}"


def _choices(model: type[ViewsSettings | Evaluation], name: str) -> tuple[str, ...]:
    return get_args(model.model_fields[name].annotation)


def _prompts(rebuilt: Rebuilt, known: Known) -> Iterator[str]:
    """Templates of captions, and those that are said to be of the method's recipe."""
    identity = rebuilt.record.identity
    said = tuple(identity.protocol.templates)
    if rebuilt.told and rebuilt.kind(rebuilt.names[0]) == "captions":
        if said != ("{}",):
            yield "captions stand for themselves, and it has other templates"
    elif known.recipe is not None and said != known.recipe:
        yield (
            f"its templates are not those of the recipe of {identity.method.name}, where the record "
            "says they are from"
        )


def _protocol(record: Record, protocol: Protocol, known: Known) -> Iterator[str]:
    """Everything of the identity that the protocol decides."""
    identity = record.identity.protocol
    if protocol.version != identity.version:
        if known.digest == identity.digest:
            yield (
                f"version is {identity.version}, and the digest is that of version "
                f"{protocol.version} of {identity.id}"
            )
        return
    if known.digest is not None and identity.digest != known.digest:
        yield (
            f"the digest of {identity.id} is {identity.digest[:12]} in the record, and here "
            f"{known.digest[:12]}: other lists, class names, prompts or views"
        )
    facts = [
        ("primary", record.primary, protocol.primary),
        ("metric_set", identity.metric_set, protocol.primary),
        ("family", identity.family, protocol.family),
        ("dataset", identity.dataset, protocol.dataset),
    ]
    if not family_of(protocol.family).ties:
        facts.append(("eval.tie_rule", record.identity.eval.tie_rule, "pessimistic"))
    for what, said, right in facts:
        if said != right:
            yield f"{what} is {said}, and {right} in {identity.id}"
    if identity.variant not in protocol.variants:
        yield f"{identity.id} has no variant {identity.variant}: {', '.join(protocol.variants)}"
        return
    yield from _plan(record, protocol, known)


def _plan(record: Record, protocol: Protocol, known: Known) -> Iterator[str]:
    """Splits and K, which are known of published protocols even without their lists."""
    identity = record.identity.protocol
    splits, k_shot = list(known.splits), known.k_shot
    if not splits:
        if not isinstance(protocol, Published):
            return
        splits = [test.name for test in protocol.tests]
        k_shot = protocol.shots_of(identity.variant)
    if identity.splits != splits:
        said, right = ", ".join(identity.splits), ", ".join(splits)
        yield f"its splits are {said}, and {right} in {identity.id}"
    if identity.k_shot != k_shot:
        yield f"k_shot is {identity.k_shot}, and {k_shot} in {identity.id}"


def _command(record: Record) -> Iterator[str]:
    """The configuration is of the method and the protocol of the identity."""
    config, identity = record.command.config_resolved, record.identity
    for key, wanted in (("method", identity.method.name), ("protocol", identity.protocol.id)):
        if config.get(key, wanted) != wanted:
            yield f"{key} is {config[key]} in the configuration, and {wanted} in the identity"


def _exposure(record: Record) -> Iterator[str]:
    """Classes in common are those of the audits; what was trained on has been audited."""
    exposure = record.exposure
    assert exposure is not None
    if record.identity.train is not None and not exposure.audits:
        yield "it has no audit of what it was trained on"
    try:
        found = classes_seen(exposure.audits)
    except (KeyError, TypeError):
        yield "its audits are none that a run writes"
        return
    said = exposure.class_overlap
    if said != found if exposure.audits else said:
        yield "class_overlap is not that of its audits"


def _compact(rebuilt: Rebuilt) -> Iterator[str]:
    """Predictions are said to be compact if they are; those of labels are the same either way."""
    said = rebuilt.record.predictions
    assert said is not None
    names = [name for name in rebuilt.names if rebuilt.kind(name) != "labels"]
    whole = {name for name in names if "scores" in rebuilt.arrays[name]}
    if names and (bool(whole) if said.compact else whole != set(names)):
        forms = "ranks" if said.compact else "scores"
        yield f"predictions.compact is {str(said.compact).lower()}, and they hold no {forms}"
