"""Generated code is valid, and generated equations hold."""

import re

import pytest

from corpora import demo


def test_python_documents_compile() -> None:
    for document in demo.documents("python", 300):
        compile(document.text, document.id, "exec")


def test_javascript_documents_balance_their_brackets_and_quotes() -> None:
    pairs = {")": "(", "]": "[", "}": "{"}
    for document in demo.documents("javascript", 200):
        code = re.sub(r"/\*.*?\*/", "", document.text, flags=re.DOTALL)
        code = re.sub(r"//.*|'[^'\n]*'", "", code)
        stack = []
        for char in code:
            if char in "([{":
                stack.append(char)
            elif char in pairs:
                assert stack, document.text
                assert stack.pop() == pairs[char]
        assert not stack
        assert document.text.count("'") % 2 == 0


@pytest.mark.parametrize("seed", [0, 1])
def test_every_equation_of_the_mathematics_holds(seed: int) -> None:
    """Recompute each `a op b [op c] = d` in whole numbers."""
    sign = r" (?:[-+×÷/]|\\times|\\cdot) "
    whole_side = re.compile(rf"(?<![\w)}}^·+×-] )(?<![\w^(])(\d+(?:{sign}\d+)+) = (\d+)(?! x|[\w^])")
    equations = 0
    for document in demo.documents("math", 300, seed=seed):
        for left, right in whole_side.findall(document.text):
            expression = re.sub(r"×|\\times|\\cdot", "*", left).replace("÷", "/")
            assert eval(expression) == int(right), (left, right)
            equations += 1
    assert equations > 500


@pytest.mark.parametrize("register", ["python", "javascript"])
def test_some_comments_are_in_arabic(register: str) -> None:
    texts = [document.text for document in demo.documents(register, 60)]
    assert sum(bool(re.search("[ء-ي]", text)) for text in texts) > 20
