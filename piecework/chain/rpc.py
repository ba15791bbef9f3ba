"""Ethereum JSON-RPC over HTTP, with errors split by whether trying again may help."""

import itertools
import json
from collections.abc import Sequence
from typing import Any

from piecework.chain.transport import NoReply, Transport
from piecework.domain.errors import Invalid, Unavailable


class RpcUnavailable(Unavailable):
    """The node didn't answer, or answered with something that isn't JSON-RPC; trying again may help."""


class RpcNonsense(RpcUnavailable):
    """The node's answer isn't what was asked for; the next one may be."""


class RpcRefused(Invalid):
    """The node understood and said no; asking the same again won't help.

    Attributes:
        code: the JSON-RPC error code.
        message: the node's words.
        data: revert data as 0x hex, or None.
    """

    def __init__(self, method: str, code: int, message: str, data: str | None) -> None:
        super().__init__(f"The chain refused {method}: {message}")
        self.code, self.message, self.data = code, message, data


class Rpc:
    """One endpoint. Safe to share between threads.

    Args:
        url: http:// or https://.
        timeout_seconds: how long one answer may take.

    Attributes:
        place: scheme, host and port, to name it by: the rest of an address may be a key.

    Raises:
        Invalid: another kind of address.
    """

    def __init__(self, url: str, timeout_seconds: float = 30) -> None:
        self.url, self.timeout_seconds = url, timeout_seconds
        self._transport = Transport(url, timeout_seconds)
        self.place = self._transport.place
        self._ids = itertools.count(1)

    def call(self, method: str, *params: Any) -> Any:
        """One call's result.

        Raises:
            RpcUnavailable, RpcRefused: see there.
        """
        answer = self._post(self._request(method, params))
        return self._result(method, answer)

    def batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """Many calls in one HTTP request; results in the order of the calls. The first refusal raises."""
        if not calls:
            return []
        requests = [self._request(method, params) for method, params in calls]
        answers = self._post(requests)
        if not isinstance(answers, list):
            return [self._result(calls[0][0], answers)]
        by_id = {answer.get("id"): answer for answer in answers if isinstance(answer, dict)}
        missing = [request for request in requests if request["id"] not in by_id]
        if missing:
            raise RpcUnavailable(f"{self.place} left {len(missing)} of {len(requests)} calls unanswered.")
        return [self._result(request["method"], by_id[request["id"]]) for request in requests]

    def _request(self, method: str, params: Sequence[Any]) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": list(params)}

    def _post(self, body: Any) -> Any:
        try:
            reply = self._transport.post(json.dumps(body).encode())
        except NoReply as error:
            raise RpcUnavailable(error.sentence) from error
        try:
            return json.loads(reply.body)
        except ValueError as error:
            raise RpcUnavailable(f"What answers at {self.place} is not a chain (HTTP {reply.status}).") from error

    def _result(self, method: str, answer: Any) -> Any:
        if not isinstance(answer, dict) or ("result" not in answer and "error" not in answer):
            raise RpcUnavailable(f"What answers at {self.place} is not a chain.")
        error = answer.get("error")
        if error is None:
            return answer["result"]
        raise RpcRefused(method, int(error.get("code", 0)), str(error.get("message", "")), _revert_data(error.get("data")))


def _revert_data(data: Any) -> str | None:
    """Revert data, where the node puts it: Anvil as a string, Ganache inside an object."""
    if isinstance(data, dict):
        data = data.get("result") or data.get("data") or data.get("return")
    return data if isinstance(data, str) and data.startswith("0x") else None
