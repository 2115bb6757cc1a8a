"""Which currencies a sign stands for, and how many decimals a currency has. Plain Python, by babel and CLDR."""

from __future__ import annotations

from functools import cache

from babel import Locale
from babel.numbers import get_currency_precision

_SIGNS = (
    "$ USD CAD AUD NZD SGD HKD MXN TWD ARS CLP COP UYU; US$ USD; U$S USD; C$ CAD; CA$ CAD; CDN$ CAD; A$ AUD; AU$ AUD; "
    "NZ$ NZD; S$ SGD; SG$ SGD; HK$ HKD; NT$ TWD; MX$ MXN; MEX$ MXN; R$ BRL; € EUR; EURO EUR; £ GBP; GB£ GBP; "
    "¥ JPY CNY; ￥ JPY CNY; JP¥ JPY; CN¥ CNY; RMB CNY; 元 CNY; 円 JPY; KR SEK NOK DKK ISK; ZŁ PLN; ZL PLN; KČ CZK; "
    "FT HUF; LEI RON; ЛВ BGN; FR CHF; SFR CHF; ₹ INR; RS INR PKR LKR NPR MUR; ₽ RUB; РУБ RUB; ₺ TRY; TL TRY; ₩ KRW; "
    "₫ VND; ₴ UAH; ₪ ILS; ฿ THB; ₱ PHP; ₦ NGN; ₡ CRC; ₲ PYG; ₸ KZT; ₾ GEL; ₼ AZN; ₵ GHS; R ZAR; RM MYR; RP IDR; "
    "S/ PEN; KSH KES; DHS AED; BS BOB"
)

# CLDR counts the decimals in use. By ISO 4217 these have more, and a file may well have them.
_DIGITS_OF = {"IQD": 3} | dict.fromkeys("AFN ALL IRR KPW LAK LBP MGA MMK RSD SLL SOS SYP YER".split(), 2)


@cache
def codes() -> tuple[str, ...]:
    """All ISO 4217 codes."""
    return tuple(sorted(Locale("en").currencies))


@cache
def signs() -> dict[str, tuple[str, ...]]:
    """A sign, in upper case without a dot behind -> the currencies that it stands for, the most usual one first."""
    said = (entry.split() for entry in _SIGNS.split("; "))
    return {sign: tuple(currencies) for sign, *currencies in said}


@cache
def with_digits(number: int) -> tuple[str, ...]:
    """The currencies whose minor unit has so many digits; two is what most have."""
    return tuple(code for code in codes() if _DIGITS_OF.get(code, get_currency_precision(code)) == number)


def places(currency: str) -> int:
    """How many decimals a figure in a currency has: those of its minor unit, but at least two and at most three."""
    return 3 if currency in with_digits(3) else 2
