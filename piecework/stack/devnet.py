"""Puts the escrow on a devnet that others started: python -m piecework.stack.devnet RPC_URL FOLDER

Writes FOLDER/deployment.json; a second run finds what is there and changes nothing. For trying only: the keys are everybody's.
"""

import sys
from pathlib import Path

from piecework.chain.rpc import Rpc
from piecework.domain.errors import Invalid, PieceworkError
from piecework.stack.contracts import is_devnet, own_escrow


def main(arguments: list[str]) -> int:
    """0 when the escrow is there; 2 with one sentence on stderr when it can't be."""
    if len(arguments) != 2:
        print("Say where the devnet is and which folder the deployment's file goes into.", file=sys.stderr)
        return 2
    rpc, folder = Rpc(arguments[0]), Path(arguments[1])
    try:
        if not is_devnet(rpc):
            raise Invalid(f"The chain at {rpc.url} is no devnet: its known accounts hold nothing.")
        deployment = own_escrow(rpc, folder).deployment
    except PieceworkError as error:
        print(error.sentence, file=sys.stderr)
        return 2
    print(f"The escrow is {deployment.escrow}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
