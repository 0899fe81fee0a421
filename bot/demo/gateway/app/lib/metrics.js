'use strict';

/** Counters of this worker alone: in cluster mode each worker has its own, and a reload starts them anew. */
class Metrics {
  constructor() {
    this.since = new Date();
    this.day = this.today();
    this.daily = 0;
    this.completed = 0;
    this.failed = 0;
    this.paymentMs = 0;
    this.requests = 0;
    this.serverErrors = 0;
    this.errors = {};
  }

  today() {
    return new Date().toISOString().slice(0, 10);
  }

  request(status) {
    this.requests += 1;
    if (status >= 500) this.serverErrors += 1;
  }

  payment({ ok, code, ms }) {
    const today = this.today();
    if (today !== this.day) {
      this.day = today;
      this.daily = 0;
    }
    this.daily += 1;
    this.paymentMs += ms;
    if (ok) {
      this.completed += 1;
    } else {
      this.failed += 1;
      this.errors[code] = (this.errors[code] || 0) + 1;
    }
  }

  /** Rates are percentages, times milliseconds; null as long as there was nothing to measure. */
  snapshot() {
    const total = this.completed + this.failed;
    const percent = (part, whole) => (whole ? Number(((100 * part) / whole).toFixed(2)) : null);
    return {
      daily_transactions: this.day === this.today() ? this.daily : 0,
      total_transactions: total,
      success_rate: percent(this.completed, total),
      avg_response_time: total ? Number((this.paymentMs / total).toFixed(1)) : null,
      requests: this.requests,
      error_rate: percent(this.serverErrors, this.requests),
      errors: { ...this.errors },
      since: this.since.toISOString(),
    };
  }
}

module.exports = { Metrics };
