"""Tables of merchants. Nobody outside this package reads them but through `services` and `invariants`."""

from cardnet.merchants.models.partners import (
    Agreement,
    AgreementFile,
    BlacklistEntry,
    MerchantContact,
    SettlementAccount,
)
from cardnet.merchants.models.venues import (
    Merchant,
    PairingCode,
    Store,
    Terminal,
    TerminalKey,
    TerminalLockout,
    TerminalSync,
    TerminalToken,
)

__all__ = [
    "Agreement",
    "AgreementFile",
    "BlacklistEntry",
    "Merchant",
    "MerchantContact",
    "PairingCode",
    "SettlementAccount",
    "Store",
    "Terminal",
    "TerminalKey",
    "TerminalLockout",
    "TerminalSync",
    "TerminalToken",
]
