"""A model labels what a random sample shows it to be right about; people label the rest and an audit; the output is Ground Truth's."""

import json
import secrets
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from piecework.quality import manifest
from tests.backend.workshop import Works, call, new_key, posting, promised, quick_job, sign_in, works
from tests.conftest import Chain
from tests.quality.pictures import picture

LABELS = ["good", "bad"]
CLUES = {"good": ["fine", "great", "love"], "bad": ["awful", "broken", "hate"]}


@pytest.fixture(scope="module")
def market(shared_chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    """A marketplace that fetches pictures from this machine, too."""
    folder = tmp_path_factory.mktemp("market")
    with works(shared_chain, f"sqlite:///{folder}/piecework.db", folder, PIECEWORK_WEBHOOKS_ANYWHERE="true") as shared:
        yield shared


@pytest.fixture
def gallery() -> Iterator[str]:
    """The address of a server with pictures: /N.png is a disc for even N, and stripes for odd ones; beyond 99 there are none."""

    class Shown(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            number = int(self.path[1:].partition(".")[0])
            data = picture(number % 2, number) if number < 100 else b"none"
            self.send_response(200 if number < 200 else 404)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Shown)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def unit(n: int) -> dict[str, Any]:
    return {"source": f"It is {CLUES[LABELS[n % 2]][n % 3]} number{n}", "id": n}


def answer_all(market: Works, job: str, most: int = 1_000, as_label: bool = False) -> list[int]:
    """One worker answers rightly whatever it is given; the units."""
    key = new_key()
    token, done = sign_in(market, key), []
    while len(done) < most:
        taken = call(market, "POST", f"/v1/jobs/{job}/assignments", {}, token)
        if taken.status != 201:
            break
        label = LABELS[taken.body["unit"] % 2]
        said = {"label": label} if as_label else label
        salt, path = secrets.token_bytes(32), f"/v1/assignments/{taken.body['id']}"
        commitment = promised(job, taken.body["slot"], key.address, salt, said)
        assert call(market, "POST", f"{path}/commit", {"commitment": commitment}, token).status == 200
        assert call(market, "POST", f"{path}/reveal", {"answer": said, "salt": "0x" + salt.hex()}, token).status == 200
        done.append(taken.body["unit"])
    return done


def test_people_label_a_sample_the_model_the_sure_ones_and_people_the_rest_and_an_audit(running: Works) -> None:
    token, job = quick_job(running, [(unit(n), 1) for n in range(100)], labels=LABELS)
    path = f"/v1/jobs/{job['id']}"
    go = {"target_bps": 7_500, "audit": 10, "seed": 5}
    assert call(running, "POST", f"{path}/routing", go, token).status == 409, "no predictions"
    said = [{"unit": n, "label": LABELS[(n + (n < 20)) % 2], "confidence": 0.99 if n >= 20 else 0.2 + n / 100} for n in range(100)]
    said[50]["label"] = LABELS[1]  # the model errs, as sure as ever
    assert call(running, "PUT", f"{path}/predictions", {"predictions": said}, token).status == 204
    view = call(running, "POST", f"{path}/routing", go, token).body
    assert (view["state"], view["units"], view["audit"]) == ("validation", {"validation": 20}, None)
    assert call(running, "GET", f"{path}/predictions/next?limit=1000", token=token).body["units"][0] < 20
    waiting = call(running, "POST", f"{path}/routing", go, token)
    assert waiting.status == 409 and "0 of the 20 units" in waiting.body["detail"]

    sample = answer_all(running, job["id"])
    assert len(sample) == 20 and 0 < sum(n >= 20 for n in sample) < 20, "a random one, and nothing else was given out"
    running.until("SELECT 1 FROM job_consensus WHERE answers = 20")
    early = call(running, "POST", f"{path}/routing", go, token)
    assert early.status == 200 or "being weighed" in early.body["detail"]
    running.until("SELECT 1 FROM job_consensus WHERE fitted = 20")
    view = call(running, "POST", f"{path}/routing", go, token).body
    units = view["units"]
    unsure, sure = [n for n in range(20) if n not in sample], [n for n in range(20, 100) if n not in sample]
    assert view["state"] == "routed" and view["threshold"] == 0.99
    assert units == {"validation": 20, "model": len(sure) - 10, "audit": 10, "people": len(unsure)}

    rest = answer_all(running, job["id"])
    assert set(unsure) <= set(rest) and len(rest) == len(unsure) + 10, "the model's other units cost nothing"
    running.until("SELECT 1 FROM job_consensus WHERE answers = :all", all=20 + len(rest))
    audit = call(running, "GET", f"{path}/routing", token=token).body["audit"]
    right = 10 - (50 in rest)
    assert (audit["asked"], audit["right"]) == (10, right) and audit["low"] < right / 10 <= audit["high"]

    raw = call(running, "GET", f"{path}/manifest?name=sentiment", token=token).body
    lines = [json.loads(line) for line in raw.splitlines()]
    assert [line["id"] for line in lines] == list(range(100)) and lines[3]["source"] == unit(3)["source"]
    read = list(manifest.read(raw.splitlines(), "sentiment"))
    assert len(read) == 100 and sum(one.human for one in read) == 20 + len(rest)
    assert all(one.label == LABELS[n % 2] or n == 50 for n, one in enumerate(read))
    assert call(running, "GET", f"{path}/manifest?name=x-ref", token=token).status == 422
    assert call(running, "GET", f"/v1/jobs/{job['id']}").body["slot_counts"]["free"] == units["model"], "and go back at the close"
    stranger = sign_in(running, new_key())
    for method, part, body in (
        ("PUT", "predictions", {"predictions": []}), ("POST", "routing", go), ("GET", "routing", None), ("GET", "manifest", None),
        ("POST", "predictions/train", {}), ("GET", "predictions/next", None),
    ):  # fmt: skip
        assert call(running, method, f"{path}/{part}", body, stranger).status == 403, part


def test_the_built_in_classifier_learns_from_people_and_asks_for_what_it_knows_least(market: Works) -> None:
    token, job = quick_job(market, [(unit(n), 1) for n in range(40)], labels=LABELS)
    path = f"/v1/jobs/{job['id']}"
    assert call(market, "POST", f"{path}/predictions/train", {}, token).status == 422, "nobody has said anything"
    answer_all(market, job["id"], 24)
    market.until("SELECT 1 FROM job_consensus WHERE answers = 24 AND posting = (SELECT max(number) FROM posting)")
    assert call(market, "POST", f"{path}/predictions/train", {}, token).body == {"learnt_from": 24}
    rows = market.rows("SELECT unit, label, confidence FROM prediction WHERE posting = (SELECT max(number) FROM posting) ORDER BY unit")
    assert len(rows) == 40 and sum(row.label == LABELS[row.unit % 2] for row in rows) >= 36
    following = call(market, "GET", f"{path}/predictions/next?limit=3", token=token).body["units"]
    sure = {row.unit: row.confidence for row in rows if row.unit >= 24}
    assert following == sorted(sure, key=lambda n: (sure[n], n))[:3]


def test_the_built_in_classifier_learns_from_pictures_too(market: Works, gallery: str) -> None:
    def pictured(numbers: list[int]) -> tuple[str, str]:
        units = [({"source-ref": f"{gallery}/{number}.png"}, 1) for number in numbers]
        token, job = quick_job(market, units, labels=LABELS, template="image-classifier")
        answer_all(market, job["id"], 16, as_label=True)
        market.until("SELECT 1 FROM job_consensus WHERE answers = 16 AND posting = (SELECT max(number) FROM posting)")
        return token, f"/v1/jobs/{job['id']}/predictions/train"

    token, path = pictured(list(range(30)))
    assert call(market, "POST", path, {}, token).body == {"learnt_from": 16}
    rows = market.rows("SELECT unit, label FROM prediction WHERE posting = (SELECT max(number) FROM posting)")
    assert len(rows) == 30 and sum(row.label == LABELS[row.unit % 2] for row in rows) >= 28
    for missing, why in ((150, "can't be read"), (250, "HTTP 404")):
        token, path = pictured([*range(19), missing])
        refused = call(market, "POST", path, {}, token)
        assert refused.status in (422, 503) and f"{gallery}/{missing}.png" in refused.body["detail"] and why in refused.body["detail"]


def test_a_verification_job_says_what_people_think_of_the_label_that_is_there(market: Works) -> None:
    shown = {"source-ref": "s3://b/1.jpg", "animal": 1, "animal-metadata": {"class-name": "cat"}}
    token, job = quick_job(market, [(shown, 1), (shown, 1)], labels=LABELS)
    answer_all(market, job["id"], 1)
    market.until("SELECT 1 FROM job_consensus WHERE answers = 1 AND posting = (SELECT max(number) FROM posting)")
    raw = call(market, "GET", f"/v1/jobs/{job['id']}/manifest?name=check&kind=verification", token=token).body
    first, second = (json.loads(line) for line in raw.splitlines())
    assert first["check"] == 0 and first["check-metadata"]["type"] == "groundtruth/label-verification"
    assert {name: first[name] for name in shown} == shown == second


@pytest.mark.parametrize(
    ("changed", "why"),
    [({"unit": 1}, "no unit 1"), ({"unit": -1}, "no unit"), ({"label": "ugly"}, "labels"), ({"confidence": 1.1}, "0 to 1")],
)
def test_predictions_that_cant_be_are_refused(market: Works, changed: dict[str, Any], why: str) -> None:
    token = sign_in(market, market.chain.requester)
    job = call(market, "POST", "/v1/jobs", posting([("x", 1)], labels=LABELS), token).body
    one = {"unit": 0, "label": "good", "confidence": 0.5}
    refused = call(market, "PUT", f"/v1/jobs/{job['id']}/predictions", {"predictions": [one | changed]}, token)
    assert refused.status == 422 and why in refused.body["detail"], refused
    assert call(market, "PUT", f"/v1/jobs/{job['id']}/predictions", {"predictions": [one, one]}, token).status == 422
    for wrong in ({"target_bps": 4_999}, {"audit": 0}, {"seed": -1}, {"target_bps": 10_000}):
        assert call(market, "POST", f"/v1/jobs/{job['id']}/routing", wrong, token).status == 422
    plain = call(market, "POST", "/v1/jobs", posting([("x", 1)]), token).body
    assert call(market, "PUT", f"/v1/jobs/{plain['id']}/predictions", {"predictions": [one]}, token).status == 409
