"""One body of each kind, as a requester's or worker's program would send it. A test holds them to the types that read them."""

from typing import Any

JOB = "0x" + "3f" * 32
ASSIGNMENT = "0x" + "a1" * 16
WORKER = "0x" + "70" * 20
SIGNATURE = "0x" + "5e" * 64 + "1b"
SALT = "0x" + "0d" * 32
CLOSES = 1_830_000_000

EXAMPLES: dict[str, Any] = {
    "NewSession": {"message": "example.org wants you to sign in with your Ethereum account:\n…", "signature": SIGNATURE, "cookie": False},
    "PayoutChoice": {"payout": "ledger"},
    "NewKey": {"name": "nightly export", "scopes": ["jobs:read", "review"], "days": 90},
    "NewJob": {
        "title": "Is there a bird in the picture?",
        "instructions": "Say yes if you see any part of a bird.",
        "template": "image-classifier",
        "labels": ["yes", "no"],
        "reward": "50000",
        "units": [{"content": {"source-ref": "https://example.org/1.jpg"}, "slots": 3}],
        "closes_at": CLOSES,
        "review_window_seconds": 259_200,
        "appeal_window_seconds": 259_200,
        "salt": SALT,
        "criteria": [{"code": "wrong", "text": "The answer is plainly not what the picture shows."}],
        "ai_policy": "forbidden",
        "estimated_seconds": 10,
    },
    "DraftBody": {"title": "Is there a bird in the picture?", "template": "image-classifier", "labels": ["yes", "no"], "reward": "50000"},
    "SignedPermit": {"signature": SIGNATURE},
    "ContentKeyBody": {"key": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="},
    "Nothing": {},
    "NewAssignment": {"unit": None},
    "NewCommitment": {"commitment": "0x" + "c0" * 32},
    "Revelation": {"answer": {"label": "yes"}, "salt": SALT, "next": True},
    "SavedDraft": {"draft": {"label": "no"}},
    "Review": {"approve": [ASSIGNMENT], "reject": [{"assignment": "0x" + "a2" * 16, "code": "wrong", "reason": "There is a heron."}]},
    "BulkReview": {"verdict": "approved", "filter": {"submitted_before": "2026-11-01T00:00:00Z"}},
    "NewApproval": {"signature": SIGNATURE},
    "NewWithdrawal": {
        "owner": WORKER,
        "token": "0x" + "da" * 20,
        "receiver": WORKER,
        "amount": "1250000",
        "max_fee": "0",
        "nonce": 0,
        "deadline": CLOSES,
        "signature": SIGNATURE,
    },
    "NewEvidence": {"about": {"kind": "job", "id": JOB}, "text": "The picture shows a heron, lower left."},
    "NewStep": {"slots": [4], "reason": "0x" + "ee" * 32},
    "NewAppealStep": {"meta_evidence": "ipfs://…"},
    "NewOperator": {"name": "approves at night"},
    "AllowanceTerms": {"allowance": "5000000", "expires_at": CLOSES, "deadline": CLOSES},
    "NewAllowance": {"allowance": "5000000", "expires_at": CLOSES, "deadline": CLOSES, "nonce": 0, "signature": SIGNATURE},
    "NewBlock": {"reason": "The same answer to forty different pictures."},
    "NewMessage": {"job": JOB, "text": "Thank you! Could you say where you saw it?", "workers": [WORKER]},
    "ReadMark": {"number": "12"},
    "NewBonus": {"request": "heron-1", "assignment": ASSIGNMENT, "amount": "250000", "reason": "The only one who saw the heron."},
    "NewQualification": {"name": "Knows herons", "description": "Tells a heron from an egret."},
    "NewWebhook": {"url": "https://example.org/piecework", "kinds": ["payment.made"]},
    "NewConfirmation": {"code": "02718281"},
    "NewGold": {"units": [{"unit": 4, "label": "yes"}]},
    "RulesBody": {
        "rules": [
            {"name": "reliable", "conditions": [{"fact": "gold_right_share", "compare": "≥", "value": 0.9}], "qualification": "0x" + "aa" * 16}
        ]
    },
    "NewSignals": {"seconds": 41.5, "letters": 120, "pasted_share": 0.0, "focus_losses": 1, "rhythm": 0.6},
    "SharingBody": {"share": True},
    "NewFindingReview": {"verdict": "upheld", "reason": "Both signals fit, and the answers are word for word a model's."},
    "NewRelease": {"released": True, "said": "The rejections were looked at one by one."},
    "Reason": {"reason": "The test was passed on the second day only."},
    "NewPredictions": {"predictions": [{"unit": 0, "label": "yes", "confidence": 0.97}]},
    "NewRouting": {"target_bps": 9500, "audit": 100, "seed": 7},
    "NewPeerReview": {
        "reward": "20000", "closes_at": CLOSES, "review_window_seconds": 259_200, "appeal_window_seconds": 259_200, "salt": SALT, "reviews": 3,
        "labels": ["good", "bad"], "estimated_seconds": 20,
    },
    "PastWorkers": {"workers": [{"worker_id": "A1B2C3D4E5F6G7", "assignments": ["3AAAAAAAAAAAAAAAAAAAAAAAAAAAAA"], "block": None, "qualifications": {}}]},
    "PastClaim": {"worker_id": "A1B2C3D4E5F6G7", "assignments": ["3AAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]},
    "NewLayout": {"name": "birds", "html": "<crowd-form>Is ${name} a bird? …</crowd-form>", "frame_height": 600},
    "NewAccessKey": {"name": "my boto3 scripts", "expires_at": CLOSES},
}
PROBLEM = {"type": "about:blank", "title": "Not Found", "status": 404, "detail": f"There is no job {JOB} here."}
