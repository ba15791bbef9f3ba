"""The requester's money."""

from asyncio import to_thread

from backend.mturk.calls import Answer, Call
from backend.mturk.service import MTurk


async def get_account_balance(service: MTurk, call: Call) -> Answer:
    """What can be spent, and what is reserved for HITs or locked in jobs, in dollars rounded down."""
    return await to_thread(_balance, service, call)


def _balance(service: MTurk, call: Call) -> Answer:
    with service.store.read() as connection:
        available = service.funds.available(connection, call.requester, call.caller.operator, call.now)
        held = service.funds.on_hold(connection, call.requester)
    return {"AvailableBalance": service.funds.dollars(available), "OnHoldBalance": service.funds.dollars(held)}


OPERATIONS = {"GetAccountBalance": get_account_balance}
