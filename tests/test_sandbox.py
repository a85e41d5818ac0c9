"""The template sandbox: what works as in transformers, what is refused, what ends in time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import jinja2
import pytest

from agentlab._sandbox import (
    TemplateLimitError,
    TemplateRefusalError,
    chat_environment,
    compile_template,
    prompt_environment,
    render,
)


def chat(source: str, now: datetime | None = None, **values: Any) -> str:
    return render(compile_template(chat_environment(), source), values, now)


def prompt(source: str, **values: Any) -> str:
    return render(compile_template(prompt_environment(), source), values)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ '<a> & \"b\"' | tojson }}", '"<a> & \\"b\\""'),
        ("{{ {'b': 1, 'a': 'é'} | tojson }}", '{"b": 1, "a": "é"}'),
        ("{{ {'a': 'é'} | tojson(ensure_ascii=True) }}", '{"a": "\\u00e9"}'),
        ("{{ [1] | tojson(indent=2) }}", "[\n  1\n]"),
        ("{% for i in range(9) %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}", "01"),
        ("{% generation %}answer{% endgeneration %}", "answer"),
        ("{% for m in messages %}\n    {{ m }}\n{% endfor %}", "    a\n    b\n"),
        ("{% for m in messages %}{{ loop.index0 }}{{ loop.last }}{% endfor %}", "0False1True"),
        ("{{ messages[::-1] | join('+') }}{{ messages | length }}", "b+a2"),
        ("{% set ns = namespace(n=1) %}{% set ns.n = ns.n + 1 %}{{ ns.n }}", "2"),
        ("{{ ' x '.strip() ~ 1 ~ 'a-b'.split('-')[1] }}{{ 'abc'.startswith('ab') }}", "x1bTrue"),
        ("{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(1) }}{{ m('b') }}", "<1><b>"),
        ("{% for k, v in {'a': 1}.items() %}{{ k }}={{ v }}{% endfor %}", "a=1"),
        ("{{ {'a': 1} | items | list }}{{ 'aXb'.replace('X', '-') }}", "[('a', 1)]a-b"),
        ("{{ '{} {:02d}'.format('a', 3) }} {{ '%02d' % 7 }}", "a 03 07"),
        ("{{ 'a\nb' | indent(2) }}{{ 2 ** 8 }}{{ 'ab' * 2 }}{{ missing }}", "a\n  b256abab"),
        ("{{ missing is defined }}{{ messages is iterable }}", "FalseTrue"),
    ],
)
def test_chat_templates_render_as_in_transformers(source: str, text: str) -> None:
    assert chat(source, messages=["a", "b"]) == text


def test_the_time_is_the_one_given() -> None:
    source = "{{ strftime_now('%d %b %Y') }}"
    assert chat(source, now=datetime(2024, 7, 26)) == "26 Jul 2024"
    assert chat("{{ strftime_now('%Y') }}") >= "2026"


def test_a_template_that_raises_says_why() -> None:
    with pytest.raises(TemplateRefusalError, match="roles must alternate"):
        chat("{{ raise_exception('roles must alternate') }}")


@pytest.mark.parametrize("source", ["{{ x }}", "{{ d.x }}", "{% for a in x %}{% endfor %}"])
def test_a_prompt_needs_its_values(source: str) -> None:
    with pytest.raises(jinja2.UndefinedError, match="x"):
        prompt(source, d={})


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ ''['__class__'].x }}",
        "{{ (''|attr('__class__')).x }}",
        "{{ '{0.__class__.__mro__}'.format(1) }}",
        "{{ tool.delete() }}",
        "{{ tool['delete']() }}",
        "{{ values.append(1) }}",
        "{{ values.clear() }}",
        "{{ function() }}",
    ],
)
def test_python_is_out_of_reach(source: str) -> None:
    class Tool:
        deleted = False

        def delete(self) -> str:
            Tool.deleted = True
            return "deleted"

    values = [0]
    with pytest.raises(jinja2.TemplateError):
        print(chat(source, tool=Tool(), values=values, function=lambda: "called"))
    assert not Tool.deleted
    assert values == [0]


@pytest.mark.parametrize(
    "source",
    ["{% include 'a' %}", "{% import 'a' as b %}", "{% from 'a' import b %}", "{% extends 'a' %}"],
)
def test_no_other_template_is_loaded(source: str) -> None:
    with pytest.raises(jinja2.TemplateSyntaxError, match="can't load another"):
        chat(source)


DOUBLED = (
    "{% set ns = namespace(x='ab') %}{% for i in range(60) %}{% set ns.x DOUBLE %}{% endfor %}"
)


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'a' * 10 ** 10 }}",
        "{{ 10 ** 9 * [0] }}",
        "{{ 10 ** (10 ** 10) }}",
        "{{ '{:9999999999}'.format(1) }}",
        "{{ '{:{}}'.format(1, 10 ** 10) }}",
        "{{ '%9999999999d' % 1 }}",
        "{{ '%*d' % (10 ** 10, 1) }}",
        "{{ 'a' | indent(10 ** 10) }}",
        "{{ 'a' | tojson(indent=10 ** 10) }}",
        "{{ ('a' * 10000) | replace('a', 'b' * 10000) }}",
        "{{ ('a' * 10000).replace('a', 'b' * 10000) }}",
        "{{ ('a' * 10000).join(range(100000) | map('string')) }}",
        "{{ range(100000) | join('a' * 10000) }}",
        "{{ range(100000) | map('string') | map('indent', 100000, true) | list }}",
        "{{ strftime_now('%9999999d') }}",
        "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
        "{% for i in range(100000) %}" + "x" * 1000 + "{% endfor %}",
        DOUBLED.replace("DOUBLE", "= ns.x + ns.x"),
        DOUBLED.replace("DOUBLE", "= ns.x ~ ns.x"),
        DOUBLED.replace("DOUBLE", "= [ns.x, ns.x]"),
        DOUBLED.replace("DOUBLE", "= {'a': ns.x, 'b': ns.x}"),
        DOUBLED.replace("DOUBLE", "= dict(a=ns.x, b=ns.x)"),
        DOUBLED.replace("DOUBLE", "%}{{ ns.x }}{{ ns.x }}{% endset"),
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro m(n) %}{{ m(n - 1) ~ m(n - 1) if n }}{% endmacro %}{{ m(60) }}",
        "{% for x in [1] recursive %}{{ loop([1, 2]) if loop.depth < 60 }}{% endfor %}",
        "{% set a = namespace() %}{% set a.x = a %}{{ a | string }}",
    ],
)
def test_a_template_that_wants_too_much_is_stopped(source: str) -> None:
    with pytest.raises(TemplateLimitError):
        chat(source)


@pytest.mark.parametrize(
    "source",
    [
        "{{ range(10 ** 9) }}",
        "{{ 'a'.ljust(10 ** 10) }}",
        "{{ 'a'.zfill(10 ** 10) }}",
        "{{ (1).to_bytes(10 ** 10) }}",
    ],
)
def test_long_makers_are_not_there(source: str) -> None:
    with pytest.raises(jinja2.TemplateError):
        chat(source)


@pytest.mark.parametrize(
    "source",
    [
        "{{",
        "{% if x %}",
        "{{ 'a' | center(10 ** 10) }}",
        "{{ " + "(" * 50_000,
        "{% for a in [1] %}" * 30 + "{% endfor %}" * 30,
        "x" * 300_000,
    ],
)
def test_what_is_no_template_is_a_syntax_error(source: str) -> None:
    with pytest.raises(jinja2.TemplateSyntaxError):
        compile_template(chat_environment(), source)


def test_a_long_conversation_is_not_too_much() -> None:
    source = "{% for m in messages %}{{ '<|' + m.role + '|>\n' + m.content + '\n' }}{% endfor %}"
    messages = [{"role": "user", "content": "word " * 200}] * 2_000
    assert len(chat(source, messages=messages)) == 2_000 * (9 + 1001)
