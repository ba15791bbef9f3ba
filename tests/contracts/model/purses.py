"""What the machine does with money outside jobs: deposits, withdrawals, operators, tips, the fee."""

from collections.abc import Callable
from random import Random

from piecework.chain import escrow, escrow_recourse
from piecework.chain.escrow import token_abi
from piecework.domain.terms import DAY
from piecework.domain.typed_data import OperatorGrant, Withdrawal
from piecework.domain.units import NATIVE
from tests.contracts.model.money import Carried, Permit
from tests.contracts.model.stage import Stage

AMOUNTS = (0, 1, 7, 500, 20_000, 10**12)
NOTE = bytes(31) + b"\x01"


class Purses(Stage):
    """Calls that need no job."""

    def anybody(self, dice: Random) -> str:
        names = ("requester", "requester", "operator", "ada", "ben", "relayer", "stranger")
        return self.address(dice.choice(names))

    def receiver(self, dice: Random) -> str:
        people = [self.address(name) for name in ("ada", "ben", "treasury", "requester", "stranger")]
        return dice.choice(people * 3 + [NATIVE, self.world.escrow, self.world.council])

    def deposit(self, dice: Random) -> None:
        amount = dice.choice(AMOUNTS)
        surplus = dice.choice([0, 0, 0, 1])
        sender, token = self.anybody(dice), self.token(dice)
        value = surplus if token != NATIVE else amount + surplus
        encoded = escrow.encode_deposit(token, amount)
        self.call("deposit", sender, encoded, lambda m: m.deposit(sender, token, amount, value), value)

    def approve(self, dice: Random) -> None:
        """The dollar's own allowance, so that wallets can be drawn on."""
        amount = dice.choice([0, 10**7])
        owner, encoded = self.anybody(dice), token_abi().encode("approve", self.world.escrow, amount)
        self.call("approve", owner, encoded, lambda m: m.approve(owner, amount), to=self.world.dollar)

    def permit(self, dice: Random, owner: str, amount: int) -> tuple[Permit, int, bytes]:
        """A permit, mostly good; its deadline and its signature."""
        signer = self.signer(dice, owner)
        nonce = self.model.permits[owner] + dice.choice([0] * 5 + [1])
        deadline = self.model.now + dice.choice([0, DAY, -1])
        digest = self.world.messages.permit(owner, self.world.escrow, amount, nonce, deadline)
        return Permit(signer.address, amount, nonce, deadline), deadline, signer.sign(digest)

    def deposit_with_permit(self, dice: Random) -> None:
        amount = dice.choice(AMOUNTS)
        sender, token = self.anybody(dice), self.token(dice)
        permit, deadline, signature = self.permit(dice, sender, amount)
        encoded = escrow.encode_deposit_with_permit(token, amount, deadline, signature)
        self.call("depositWithPermit", sender, encoded, lambda m: m.deposit_with_permit(sender, token, amount, permit))

    def withdraw(self, dice: Random) -> None:
        amount = dice.choice(AMOUNTS)
        sender, token, receiver = self.anybody(dice), self.token(dice), self.receiver(dice)
        encoded = escrow.encode_withdraw(token, amount, receiver)
        self.call("withdraw", sender, encoded, lambda m: m.withdraw(sender, token, amount, receiver))

    def withdrawal(self, dice: Random) -> tuple[Carried, bytes]:
        """A signed withdrawal, mostly one that can be carried."""
        owner, token = self.anybody(dice), self.token(dice)
        amount, most = dice.choice([1, 1, 7, 500, 0, 10**12]), dice.choice([0, 2])
        nonce = self.model.nonces[owner, token] + dice.choice([0] * 7 + [1])
        deadline = self.model.now + dice.choice([0, DAY, DAY, -1])
        withdrawal = Withdrawal(owner, token, self.receiver(dice), amount, most, nonce, deadline)
        signer = self.signer(dice, owner)
        fee = dice.choice([0, most, most, 3])
        return Carried(withdrawal, fee, signer.address), signer.sign(self.world.domain.withdrawal_digest(withdrawal))

    def withdraw_with_signature(self, dice: Random) -> None:
        sender, (carried, signature) = self.anybody(dice), self.withdrawal(dice)
        encoded = escrow.encode_relayed_withdrawal(carried.withdrawal, carried.fee, signature)
        self.call("withdrawWithSignature", sender, encoded, lambda m: m.withdraw_with_signature(sender, carried))

    def withdraw_many(self, dice: Random) -> None:
        count = dice.randint(0, 3)
        push_gas = dice.choice([0, 100_000])
        sender = self.anybody(dice)
        entries = [self.withdrawal(dice) for _ in range(count)]
        signed = [escrow_recourse.SignedWithdrawal(c.withdrawal, c.fee, signature) for c, signature in entries]
        encoded, carried = escrow_recourse.encode_withdraw_many(signed, push_gas), [entry for entry, _ in entries]
        self.call("withdrawMany", sender, encoded, lambda m: m.withdraw_many(sender, carried, push_gas))

    def set_operator(self, dice: Random) -> None:
        allowance = dice.choice([0, 1_000, 10**9])
        seconds = dice.choice([-1, 0, DAY, 99 * DAY])
        sender, operator, token = self.anybody(dice), self.address("operator"), self.token(dice)
        entry = operator, token, allowance, self.model.now + seconds
        encoded = escrow_recourse.encode_set_operator(*entry)
        self.call("setOperator", sender, encoded, lambda m: m.set_operator(sender, *entry))

    def set_operator_with_signature(self, dice: Random) -> None:
        allowance = dice.choice([0, 1_000, 10**9])
        seconds = dice.choice([0, DAY, 99 * DAY])
        requester, token, now = self.anybody(dice), self.token(dice), self.model.now
        nonce = self.model.nonces[requester, token] + dice.choice([0] * 5 + [1])
        deadline = now + dice.choice([0, DAY, -1])
        grant = OperatorGrant(requester, self.address("operator"), token, allowance, now + seconds, nonce, deadline)
        signer = self.signer(dice, requester)
        signature = signer.sign(self.world.domain.operator_digest(grant))
        encoded = escrow_recourse.encode_set_operator_with_signature(grant, signature)
        step = lambda m: m.set_operator_with_signature(grant, signer.address)
        self.call("setOperatorWithSignature", self.anybody(dice), encoded, step)

    def tip(self, dice: Random) -> None:
        several = dice.choices([0, 1, 7, 500], k=dice.randint(0, 3))
        token, giver = self.token(dice), self.anybody(dice)
        sender = dice.choice([giver, self.address("operator"), self.address("stranger")])
        if self.model.operators and dice.random() < 0.6:
            giver, sender, token = dice.choice(list(self.model.operators))
        tips = [(self.receiver(dice), amount) for amount in several]
        encoded = escrow_recourse.encode_tip(giver, token, tips, NOTE)
        self.call("tip", sender, encoded, lambda m: m.tip(sender, giver, token, tips))

    def set_protocol_fee(self, dice: Random) -> None:
        fee_bps = dice.choice([0, 37, 200, 201])
        sender, treasury = self.sender(dice, self.address("governor")), self.receiver(dice)
        encoded = escrow.encode_set_protocol_fee(fee_bps, treasury)
        self.call("setProtocolFee", sender, encoded, lambda m: m.set_protocol_fee(sender, fee_bps, treasury))

    def purses(self) -> tuple[Callable[[Random], None], ...]:
        """Each of these calls."""
        return (
            self.deposit,
            self.approve,
            self.deposit_with_permit,
            self.withdraw,
            self.withdraw_with_signature,
            self.withdraw_many,
            self.set_operator,
            self.set_operator_with_signature,
            self.tip,
            self.set_protocol_fee,
        )
