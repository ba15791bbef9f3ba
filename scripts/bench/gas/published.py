"""What other systems cost, gas an assignment, all parties, until the money is in the wallets.

Measured elsewhere (Anvil 1.7.1, Osaka rules, OpenZeppelin ERC-20, workers that never held the token) on their own contracts; not
repeated here.
"""

SHAPES = ((1, 1), (10, 10), (100, 100), (1_000, 100), (1_000, 1_000), (10_000, 100))
"""(assignments, workers) of the table's columns."""

TARGETS = (225_000, 46_500, 28_800, 3_100, 27_300, 470)
STRETCH = (187_000, 42_200, 27_600, 2_820, 26_200, 340)
"""The stretch row comes from a prototype without fee, operator, appeals and closing."""

PEERS = {
    "Human Protocol, paid once at the end": (3_476_290, 372_317, 61_935, 6_195, 31_793, 619),
    "Human Protocol, paid every 100": (3_476_290, 372_317, 61_935, 17_080, 32_470, 12_592),
    "StandardBounties, fulfil and accept": (618_294, 238_132, 199_722, 181_907, 195_890, 180_125),
    "Kleros Escrow v2, one deal a worker": (311_346, 243_251, 236_445, 72_052, 235_773, 55_612),
    "Sapien, one order a worker": (239_730, 125_917, 114_531, 11_454, 113_393, 1_145),
    "Morpho URD, one root, one claim": (211_526, 98_854, 89_740, 8_976, 90_862, 897),
}
