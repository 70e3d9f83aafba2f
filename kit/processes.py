"""Several processes that do one job together, as `accelerate launch` starts them: who am I, what is my share, what did the others find.

Alone, every function here returns at once what it was given.
"""

import os
from collections.abc import Callable
from functools import wraps

from threadpoolctl import threadpool_limits

from kit.errors import KitError
from kit.language import say

Place = tuple[int, int]


def place() -> Place:
    """(number of this process, how many there are); (0, 1) alone."""
    return int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))


def one_thread(function: Callable) -> Callable:
    """The function with its linear algebra on one thread: in many small fits, a second thread's waiting costs three times their work (docs/decisions.md).

    The limit is taken anew in each call, so that functions may call each other and two threads of a server the same one.
    """

    @wraps(function)
    def alone(*args, **kwargs):
        with threadpool_limits(limits=1):
            return function(*args, **kwargs)

    return alone


def first() -> bool:
    """Whether this process is the one that writes files and talks."""
    return place()[0] == 0


def join(on_gpu: bool) -> None:
    """Meets the other processes (gloo on CPUs, NCCL on GPUs); must come before the functions below.

    Raises:
        KitError: they were started to hold a part of the model each (FSDP): the run checks read whole weights, and scoring asks parts of the model by themselves.
    """
    if os.environ.get("ACCELERATE_USE_FSDP", "").lower() in ("true", "1"):
        raise KitError(
            say(
                "`poc run` needs the whole model in every process; start it with poc/launch/ddp.yaml, in 4-bit where a card is small. For a model that no card holds, "
                "`poc export RUN --data` writes the rows for trainers that shard (docs/scale.md)",
                "`poc run` は各プロセスにモデル全体が必要です。poc/launch/ddp.yaml で起動し、GPU が小さければ 4-bit にしてください。1 枚に載らないモデルは、`poc export RUN --data` で行を書き出し、"
                "分割できる学習ツールで学習してください（docs/scale.ja.md）",
            )
        )
    if place()[1] > 1:
        from accelerate import PartialState

        PartialState(cpu=not on_gpu)


def share(rows: list) -> list:
    """This process's rows: every n-th, so that long and short ones are spread."""
    number, count = place()
    return rows[number::count]


def gathered(mine: list) -> list:
    """All rows in their first order, from the shares of all processes; every process gets them."""
    count = place()[1]
    if count == 1:
        return mine
    from torch import distributed

    shares: list = [None] * count
    distributed.all_gather_object(shares, mine)
    return [shares[row % count][row // count] for row in range(sum(map(len, shares)))]


def told(value):
    """The first process's value, in all of them."""
    if place()[1] == 1:
        return value
    from torch import distributed

    message = [value]
    distributed.broadcast_object_list(message, src=0)
    return message[0]
