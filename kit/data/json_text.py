"""What somebody else's JSON says, or one ValueError with the reason: the one way in which tables, other trainers' files and label logs are read."""

import json

from kit.language import say

MOST_NESTED = 50  # the rows of trainers nest six deep; a thousand levels exhaust Python's stack here or wherever the value is walked later


def json_of(text: str):
    """The value.

    Raises:
        ValueError: no JSON, nested more than MOST_NESTED deep, a number of thousands of digits, or half of a letter (a lone surrogate, which no file could be written with).
    """
    try:
        value = json.loads(text)
    except RecursionError:
        value, deep = None, True
    except json.JSONDecodeError:
        raise
    except ValueError as error:  # Python's own line, sys.get_int_max_str_digits()
        raise ValueError(say("holds a number of thousands of digits", "数千桁の数値が含まれています")) from error
    else:
        deep = _is_deep(value)
    if deep:
        raise ValueError(say(f"nested more than {MOST_NESTED} levels deep", f"入れ子が {MOST_NESTED} 段を超えています"))
    if "\\ud" in text.lower() and not _is_whole(json.dumps(value, ensure_ascii=False)):  # text that was decoded holds no surrogate but as an escape
        raise ValueError(say("holds half of a letter, a \\ud... escape without its other half", "文字の片割れ（対にならない \\ud… エスケープ）が含まれています"))
    return value


def _is_deep(value) -> bool:
    """Level by level, so that no depth exhausts the stack."""
    level = [value]
    for _ in range(MOST_NESTED + 1):
        level = [inner for one in level if isinstance(one, dict | list) for inner in (one.values() if isinstance(one, dict) else one)]
        if not level:
            return False
    return True


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
