'use strict';

// Percent of the amount, by currency.
const FEES = { USDC: 0.9, ETH: 1.2, SOL: 1.0 };

function feeFor(currency, amount) {
  return Number(((amount * FEES[currency]) / 100).toFixed(2));
}

module.exports = { CURRENCIES: Object.keys(FEES), FEES, feeFor };
