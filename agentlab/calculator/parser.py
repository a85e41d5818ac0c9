"""Tokens to a tree, by recursive descent of bounded depth.

::

    input    := sum [("<" | "<=" | ">" | ">=" | "=" | "==" | "≠" | "!=") sum]
    sum      := product (("+" | "-") product)*
    product  := unary (("*" | "/" | "//" | "%" | "of") unary)*
    unary    := ("+" | "-") unary | power
    power    := postfix [("^" | "**") unary]
    postfix  := atom ("!" | "%")*
    atom     := [currency] number [currency] | "(" sum ")" | "√" atom
              | constant | known name | function "(" sum ("," sum)* ")"

``%`` is a remainder where a number, name or parenthesis follows it, else a percentage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from agentlab.calculator import refusals
from agentlab.calculator.limits import MAX_DEPTH
from agentlab.calculator.syntax import (
    Binary,
    Call,
    Change,
    Comparison,
    Constant,
    Factorial,
    Negative,
    Node,
    Number,
    Percent,
)
from agentlab.calculator.tokens import RAISED, Token, tokenize
from agentlab.errors import ToolError

CONSTANTS = ("pi", "e")
# Each function's least and greatest count of arguments (None: any).
FUNCTIONS: dict[str, tuple[int, int | None]] = {
    "abs": (1, 1),
    "round": (1, 2),
    "floor": (1, 1),
    "ceil": (1, 1),
    "min": (1, None),
    "max": (1, None),
    "mod": (2, 2),
    "sqrt": (1, 1),
    "exp": (1, 1),
    "log": (1, 2),
    "ln": (1, 1),
    "log2": (1, 1),
    "log10": (1, 1),
    "sin": (1, 1),
    "cos": (1, 1),
    "tan": (1, 1),
    "asin": (1, 1),
    "acos": (1, 1),
    "atan": (1, 1),
    "sinh": (1, 1),
    "cosh": (1, 1),
    "tanh": (1, 1),
    "degrees": (1, 1),
    "radians": (1, 1),
}
_COMPARISONS = {
    "<": "<",
    "<=": "<=",
    ">": ">",
    ">=": ">=",
    "=": "=",
    "==": "=",
    "!=": "≠",
    "≠": "≠",
}


def parse(text: str, known: Mapping[str, Fraction | float] | None = None) -> Node | Comparison:
    """The tree of ``text``, in which the names of ``known`` stand for their values.

    Raises:
        ToolError: it is not in the grammar.
    """
    return _Parser(tokenize(text), known or {}).parse()


@dataclass(frozen=True, slots=True)
class _Comma:
    """A comma between a function's arguments."""

    before: Token
    sign: Token
    after: Token

    @property
    def may_group(self) -> bool:
        """Whether it may group thousands: three digits follow it at once."""
        whole = self.after.text.split(".")[0]
        return self.sign.touches(self.after) and len(whole) == 3 and whole.isdigit()

    @property
    def follows_group(self) -> bool:
        """Whether a group may be before it: not in ``1024,256`` and ``2.5,100``."""
        return self.before.text.isdigit() and len(self.before.text) <= 3


class _Parser:
    def __init__(self, tokens: list[Token], known: Mapping[str, Fraction | float]) -> None:
        self._tokens = tokens
        self._known = known
        self._at = 0
        self._depth = 0
        self._currency = ""

    def parse(self) -> Node | Comparison:
        if self._peek().kind == "end":
            raise ToolError("the expression is empty", hint="write one, such as 12 * 7")
        left = self._sum()
        tree: Node | Comparison = left
        operator = _COMPARISONS.get(self._peek().text)
        if operator is not None:
            self._refuse_tight_inequality()
            self._advance()
            if self._peek().kind == "end":
                raise ToolError("nothing follows the comparison sign", hint="leave out a last '='")
            tree = Comparison(operator, left, self._sum())
            if self._peek().text in _COMPARISONS:
                raise ToolError(
                    "an expression holds at most one comparison",
                    hint="compare two values at a time",
                )
        if self._peek().kind != "end":
            raise refusals.unexpected(self._peek())
        return tree

    # Reading

    def _peek(self, ahead: int = 0) -> Token:
        return self._tokens[min(self._at + ahead, len(self._tokens) - 1)]

    def _advance(self) -> Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _take(self, *texts: str) -> Token | None:
        return self._advance() if self._peek().text in texts else None

    # The grammar, loosest first

    def _sum(self) -> Node:
        left = self._product()
        while operator := self._take("+", "-"):
            start = self._at
            right = self._product()
            # `200 + 10%` and `200 + (5 + 5)%` are raises; `200 + (10%)`, and a percentage added to
            # one, are plain sums.
            around = self._tokens[start].text, self._tokens[self._at - 1].text
            bare = around != ("(", ")")
            if bare and _is_percent(right) and not _is_percent(left):
                left = Change(left, Negative(right) if operator.text == "-" else right)
            else:
                left = Binary(operator.text, left, right)
        return left

    def _product(self) -> Node:
        left = right = self._unary()
        before = ""
        while operator := self._take("*", "/", "//", "%", "of"):
            if operator.text == "of" and before in ("/", "//") and _is_percent(right):
                raise ToolError(
                    f"'of' after {before!r} is ambiguous", hint="write 100 / (50% of 4)"
                )
            right = self._unary()
            left = Binary("*" if operator.text == "of" else operator.text, left, right)
            before = operator.text
        return left

    def _unary(self) -> Node:
        sign = self._take("+", "-")
        if sign is None:
            return self._power()
        self._enter()
        operand = self._unary()
        self._depth -= 1
        return Negative(operand) if sign.text == "-" else operand

    def _power(self) -> Node:
        base = self._postfix()
        if not self._take("^", "**"):
            return base
        self._enter()
        exponent = self._unary()
        self._depth -= 1
        return Binary("^", base, exponent)

    def _postfix(self) -> Node:
        node = self._atom()
        while True:
            if self._take("!"):
                if isinstance(node, Factorial) and self._tokens[self._at - 2].text == "!":
                    raise ToolError(
                        "'!!' is ambiguous", hint="write (5!)! for a repeated factorial"
                    )
                node = Factorial(node)
            elif self._peek().text == "%" and not self._is_remainder():
                self._advance()
                node = Percent(node)
            elif self._take(RAISED):
                minus = self._take("-")
                exponent = Number(self._advance().value)
                node = Binary("^", node, Negative(exponent) if minus else exponent)
            else:
                return node

    def _is_remainder(self) -> bool:
        """Whether the ``%`` that comes is a remainder: an operand follows it."""
        sign, after, then = self._peek(), self._peek(1), self._peek(2)
        tight = sign.touches(after) and self._tokens[self._at - 1].touches(sign)  # 100%-20%
        if after.text in ("-", "+") and not tight and after.touches(then):
            raise ToolError(
                f"'% {after.text}' is ambiguous",
                hint="write mod(17, -5) for a remainder, 17% - 5 for a percentage",
            )
        if after.kind == "name":
            return after.text != "of"
        return after.kind in ("number", "currency") or after.text in ("(", "√")

    def _atom(self) -> Node:
        token = self._peek()
        if token.kind in ("number", "currency"):
            return self._amount()
        if token.text == "(":
            return self._parenthesis()
        if token.text == "√":
            self._advance()
            self._enter()
            operand = self._atom()
            self._depth -= 1
            return Call("sqrt", (operand,))
        if token.kind == "name" and token.text != "of":
            return self._named()
        raise refusals.unexpected(self._peek())

    def _amount(self) -> Node:
        sign = self._advance() if self._peek().kind == "currency" else None
        if sign is not None:
            self._one_currency(sign)
        if self._peek().text == "(" and sign is not None:
            return self._parenthesis()
        if self._peek().kind != "number":
            raise refusals.unexpected(self._peek())
        number = self._advance()
        if self._peek().kind == "currency":
            self._one_currency(self._advance())
        self._refuse_implicit_product(number)
        return Number(number.value)

    def _one_currency(self, sign: Token) -> None:
        if self._currency not in ("", sign.text):
            raise ToolError(
                f"the expression mixes the currencies {self._currency} and {sign.text}",
                hint="convert one of them with an exchange rate, and leave the signs out",
            )
        self._currency = sign.text

    def _parenthesis(self) -> Node:
        opening = self._advance()
        self._enter()
        node = self._sum()
        self._depth -= 1
        self._close(opening)
        return node

    def _named(self) -> Node:
        token = self._advance()
        if token.text in CONSTANTS:
            self._refuse_implicit_product(token)
            return Constant(token.text)
        if token.text in self._known:
            self._refuse_implicit_product(token)
            return Number(self._known[token.text])
        if token.text not in FUNCTIONS:
            raise refusals.unknown_name(token, [*self._known, *FUNCTIONS, *CONSTANTS])
        opening = self._take("(")
        if opening is None:
            raise ToolError(
                f"{token.text} needs its argument in parentheses", hint=f"write {token.text}(16)"
            )
        self._enter()
        arguments = [self._sum()]
        commas: list[_Comma] = []
        while comma := self._take(","):
            commas.append(_Comma(self._tokens[self._at - 2], comma, self._peek()))
            arguments.append(self._sum())
        self._depth -= 1
        self._refuse_mixed_commas(token.text, commas)
        self._close(opening)
        least, most = FUNCTIONS[token.text]
        if len(arguments) < least or (most is not None and len(arguments) > most):
            raise refusals.wrong_count(token, len(arguments), least, most)
        return Call(token.text, tuple(arguments))

    # What is refused, and how

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ToolError(
                f"the expression is nested more than {MAX_DEPTH} deep",
                hint="split it into several calculations",
            )

    def _close(self, opening: Token) -> None:
        if self._take(")"):
            self._refuse_implicit_product(self._tokens[self._at - 1])
        elif self._peek().kind == "end":
            raise ToolError(
                f"the parenthesis at position {opening.start + 1} is never closed", hint="add a ')'"
            )
        else:
            raise refusals.unexpected(self._peek())

    def _refuse_implicit_product(self, left: Token) -> None:
        token = self._peek()
        if token.text == "of":
            return
        if token.text == "x":
            raise ToolError("'x' is not a multiplication sign", hint="write * to multiply")
        if token.kind in ("number", "name", "currency") or token.text in ("(", "√"):
            means = token.text in self._known or token.text in (*FUNCTIONS, *CONSTANTS)
            raise refusals.no_operator(left, token, word=token.kind == "name" and not means)

    def _refuse_mixed_commas(self, function: str, commas: list[_Comma]) -> None:
        """``max(1,234, 5)``: the first comma groups or parts, nobody knows.

        ``max(100,200)``, ``max(5,100)`` and ``log(1024,256)`` can only be read in one way.
        """
        tight = all(comma.sign.touches(comma.after) for comma in commas)
        grouping = [comma for comma in commas if comma.may_group]
        numbers = len(commas) + 1 - len(grouping)  # if they do
        least = max(FUNCTIONS[function][0], 2 if function in ("min", "max") else 1)
        for comma in grouping:
            if not comma.follows_group:
                continue
            uneven = len(comma.before.text) < 3 or len(grouping) < len(commas) or least == 1
            if not tight or comma.after.text.startswith("0") or (uneven and numbers >= least):
                raise refusals.mixed_comma(comma.sign)

    def _refuse_tight_inequality(self) -> None:
        sign, before = self._peek(), self._tokens[self._at - 1]
        if sign.text == "!=" and before.touches(sign):
            raise ToolError(
                "'!=' is ambiguous here", hint="write 5! = 120 or 5 != 120, with spaces"
            )


def _is_percent(node: Node) -> bool:
    """``10%`` or ``-10%``."""
    return isinstance(node, Percent) or (
        isinstance(node, Negative) and isinstance(node.operand, Percent)
    )
