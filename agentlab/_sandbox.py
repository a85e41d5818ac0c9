"""Jinja templates that can neither reach Python nor use up the machine.

Two environments: :func:`prompt_environment` for the bodies of prompt files (a missing value is an
error), :func:`chat_environment` for the chat templates that come inside model files (rendered as
transformers does). Compile with :func:`compile_template`, render with :func:`render`.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from types import BuiltinMethodType, MethodType
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, Undefined, nodes
from jinja2 import pass_context as with_context
from jinja2.ext import Extension, LoopControlExtension
from jinja2.filters import do_indent, do_join, do_replace
from jinja2.parser import Parser
from jinja2.runtime import Context, LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Cycler, Joiner, Namespace
from jinja2.visitor import NodeTransformer

from agentlab import _sandbox_limits as limits
from agentlab._sandbox_limits import TemplateLimitError

__all__ = [
    "TemplateLimitError",
    "TemplateRefusalError",
    "chat_environment",
    "compile_template",
    "prompt_environment",
    "render",
]

# Filters and methods whose result is no longer than their input, or is measured below.
_FILTERS = frozenset(
    """abs attr capitalize count d default dictsort e escape first float groupby int items last
    length list lower map max min reject rejectattr reverse safe select selectattr sort string sum
    title trim truncate unique upper wordcount""".split()  # noqa: SIM905
)
_TEXT_METHODS = frozenset(
    """capitalize casefold count endswith find format format_map index isalnum isalpha isascii
    isdecimal isdigit islower isnumeric isspace istitle isupper join lower lstrip partition
    removeprefix removesuffix replace rfind rindex rpartition rsplit rstrip split splitlines
    startswith strip swapcase title upper""".split()  # noqa: SIM905
)
_CONTAINER_METHODS = frozenset({"copy", "count", "get", "index", "items", "keys", "values"})
_BASIC = (str, bytes, int, float, complex, list, tuple, dict, set, frozenset)


class TemplateRefusalError(TemplateError):
    """A chat template called ``raise_exception``: it refuses these messages."""


class _Metered(NodeTransformer):
    """Meters what a template can repeat or pile up, and refuses to load other templates."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        written = sum(len(data.data) for data in node.find_all(nodes.TemplateData))
        self.generic_visit(node)
        assert isinstance(node.iter, nodes.Expr)
        node.iter = _filtered(node.iter, "_counted", nodes.Const(written))
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _filtered(nodes.List(node.nodes, lineno=node.lineno), "_concatenated")

    def _literal(self, node: Any) -> nodes.Node:
        self.generic_visit(node)
        stored = getattr(node, "ctx", "load") != "load"
        return node if stored or _is_constant(node) else _filtered(node, "_weighed")

    visit_List = visit_Tuple = visit_Dict = _literal  # noqa: N815

    def _loads(self, node: nodes.Node) -> nodes.Node:
        raise TemplateSyntaxError("a template can't load another one", node.lineno)

    visit_Include = visit_Import = visit_FromImport = visit_Extends = _loads  # noqa: N815


def _is_constant(node: nodes.Node) -> bool:
    return all(isinstance(child, nodes.Const) for child in node.iter_child_nodes())


def _filtered(node: nodes.Expr, name: str, *arguments: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(node, name, list(arguments), [], None, None, lineno=node.lineno)


@with_context
def _finalize(_context: Context, value: Any) -> Any:
    """Charge what a ``{{ }}`` writes. Taking the context keeps Jinja from calling it to compile."""
    if isinstance(value, Undefined):
        return value
    if not isinstance(value, str):
        limits.step(limits.weight(value))
        value = str(value)
    limits.step(len(value))
    return value


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's immutable sandbox, with closed lists of filters and methods, and a budget."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, undefined: type[Undefined], extensions: list[type[Extension]]) -> None:
        super().__init__(
            undefined=undefined,
            extensions=extensions,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,
            finalize=_finalize,
            optimized=False,  # the optimizer would run filters while compiling, outside a budget
            cache_size=0,
        )
        own = {"indent": _indent, "join": _join, "replace": _replace}
        kept = {n: f for n, f in self.filters.items() if n in _FILTERS} | own
        self.filters = {name: _charged(f) for name, f in kept.items()}
        self.filters |= {
            "tojson": _charged(_tojson),
            "_counted": limits.counted,
            "_concatenated": _concatenated,
            "_weighed": limits.weighed,
        }
        self.tests = {name: _charged(f) for name, f in self.tests.items()}
        del self.globals["lipsum"]

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        _Metered().visit(tree)
        return tree

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Closed lists for text, numbers and containers; anything public but methods elsewhere."""
        if isinstance(obj, (str, bytes)):
            return attr in _TEXT_METHODS
        if isinstance(obj, _BASIC):
            return attr in _CONTAINER_METHODS and not isinstance(obj, (int, float, complex))
        return super().is_safe_attribute(obj, attr, value)

    def is_safe_callable(self, obj: Any) -> bool:
        """Macros, the globals, and the listed methods: never a method of a value's own class."""
        if isinstance(obj, (Macro, LoopContext, Joiner, Undefined, _GuardedFormat)):
            return True
        if isinstance(obj, BuiltinMethodType):
            return isinstance(obj.__self__, _BASIC)
        if isinstance(obj, MethodType):
            return isinstance(obj.__self__, (LoopContext, Cycler))
        return any(obj is allowed for allowed in self.globals.values())

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        """Call ``__obj`` for a template: one step, and its result is measured."""
        limits.step()
        if isinstance(__obj, BuiltinMethodType) and isinstance(__obj.__self__, str):
            args = limits.check_method(__obj.__self__, __obj.__name__, args)
        elif isinstance(__obj, LoopContext) and args:
            args = (limits.counted(args[0], 0), *args[1:])
        result = super().call(__context, __obj, *args, **kwargs)
        return result if isinstance(result, (Namespace, Undefined)) else limits.weighed(result)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Compute ``left operator right`` if its result is not too long."""
        limits.check_operator(operator, left, right)
        return super().call_binop(context, operator, left, right)

    def wrap_str_format(self, value: Any) -> Any:
        """Sandbox ``str.format``, with its widths checked."""
        wrapped = super().wrap_str_format(value)
        return None if wrapped is None else _GuardedFormat(value.__self__, wrapped)


class _GuardedFormat:
    """``text.format`` or ``text.format_map`` as a template may call it."""

    def __init__(self, text: str, wrapped: Callable[..., str]) -> None:
        self._text = text
        self._wrapped = wrapped

    def __call__(self, *args: Any, **kwargs: Any) -> str:
        limits.check_format(self._text, args, kwargs)
        return self._wrapped(*args, **kwargs)


def _charged(function: Any) -> Callable[..., Any]:
    """A filter or test that takes a step, and is charged for the text it returns."""

    @functools.wraps(function)
    def measured(*args: Any, **kwargs: Any) -> Any:
        limits.step()
        if any(isinstance(argument, Namespace) for argument in args):
            raise TemplateLimitError("a namespace can't be given to a filter or test")
        result = function(*args, **kwargs)
        if isinstance(result, str):
            limits.step(len(result))
        return result

    return measured


def _concatenated(parts: list[Any]) -> str:
    limits.step(limits.weight(parts))
    return "".join(str(part) for part in parts)


def _indent(s: str, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
    limits.step(len(s) + (s.count("\n") + 1) * (width if isinstance(width, int) else len(width)))
    return do_indent(s, width, first, blank)


@functools.wraps(do_join)
def _join(eval_ctx: Any, value: Any, d: str = "", attribute: Any = None) -> str:
    items = list(limits.counted(value, 0))
    limits.step(limits.weight(items) + len(items) * len(d))
    return str(do_join(eval_ctx, items, d, attribute))


@functools.wraps(do_replace)
def _replace(eval_ctx: Any, s: str, old: str, new: str, count: int | None = None) -> str:
    limits.check_method(str(s), "replace", (str(old), str(new)))
    return do_replace(eval_ctx, s, old, new, count)


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """JSON as text: unlike Jinja's own filter, ``<`` and ``'`` stay what they are."""
    limits.step(limits.weight(value))
    if indent is not None and not (isinstance(indent, int) and 0 <= indent <= 16):
        raise TemplateLimitError("tojson takes an indent between 0 and 16")
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


def _raise_exception(message: str) -> None:
    raise TemplateRefusalError(message)


def _strftime_now(form: str) -> str:
    if len(form) > 200 or re.search(r"%[^a-zA-Z%]*\d", form):
        raise TemplateLimitError("strftime_now takes a short format without widths")
    return (limits.current().now or datetime.now()).strftime(form)  # the user's own time zone


class _Generation(Extension):
    """``{% generation %}``: marks the assistant's tokens for training; here, only its body."""

    tags = {"generation"}  # noqa: RUF012 - what Jinja asks for

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body, lineno=line)


@functools.cache
def prompt_environment() -> Sandbox:
    """For prompt files: a missing value, attribute or item is an error."""
    return Sandbox(StrictUndefined, [])


@functools.cache
def chat_environment() -> Sandbox:
    """For chat templates of model files: a missing value is empty; ``raise_exception``,
    ``strftime_now``, ``break``, ``continue`` and ``generation`` as in transformers."""
    sandbox = Sandbox(Undefined, [LoopControlExtension, _Generation])
    sandbox.globals["raise_exception"] = _raise_exception
    sandbox.globals["strftime_now"] = _strftime_now
    return sandbox


def compile_template(environment: Sandbox, source: str) -> Template:
    """Compile ``source``.

    Raises:
        jinja2.TemplateSyntaxError: it is not a template, with the line in ``lineno``.
    """
    if len(source) > limits.MAX_SOURCE:
        raise TemplateSyntaxError(f"a template of more than {limits.MAX_SOURCE:,} characters", 1)
    try:
        return environment.from_string(source)
    except TemplateSyntaxError:
        raise
    except TemplateError as error:
        raise TemplateSyntaxError(str(error), 1) from error
    except (SyntaxError, RecursionError, MemoryError, ValueError, OverflowError) as error:
        # Python's own compiler: blocks nested too deeply, a name it does not take.
        raise TemplateSyntaxError(f"the template does not compile: {error}", 1) from error


def render(template: Template, values: Mapping[str, Any], now: datetime | None = None) -> str:
    """The text of ``template`` with ``values``; ``now`` is the time ``strftime_now`` tells.

    Raises:
        jinja2.UndefinedError: a value is missing.
        TemplateRefusalError: the template called ``raise_exception``.
        TemplateLimitError: it takes too many steps, too much text or time.
        jinja2.TemplateError: anything else that goes wrong in it.
    """
    with limits.budget(now):
        pieces: list[str] = []
        length = 0
        try:
            for piece in template.generate(dict(values)):
                limits.step()
                length += len(piece)
                if length > limits.MAX_VALUE:
                    raise TemplateLimitError(f"more than {limits.MAX_VALUE:,} characters")
                pieces.append(piece)
        except TemplateError:
            raise
        except RecursionError as error:
            raise TemplateLimitError("the template calls itself without end") from error
        except Exception as error:
            raise TemplateError(f"{type(error).__name__}: {error}") from error
    return "".join(pieces)
