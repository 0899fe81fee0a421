'use strict';

const crypto = require('node:crypto');

const { CURRENCIES, FEES, feeFor } = require('./fees');
const health = require('./health');
const { Metrics } = require('./metrics');
const { DatabasePayments, FilePayments } = require('./payments');
const { Pool } = require('./postgres');
const provider = require('./provider');
const { redis } = require('./redis');

const BODY_LIMIT = 16 * 1024;
const MAX_AMOUNT = 10000;
const STATUSES = ['pending', 'completed', 'failed'];

class Refusal extends Error {
  constructor(status, code, message, headers = {}) {
    super(message);
    Object.assign(this, { status, code, headers });
  }
}

async function readJson(request) {
  let text = '';
  for await (const chunk of request) {
    text += chunk;
    if (text.length > BODY_LIMIT) throw new Refusal(413, 'too_large', 'the body is too large');
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal(400, 'bad_request', 'the body is not JSON');
  }
}

function createApp(config, log) {
  const metrics = new Metrics();
  const pool = config.databaseUrl ? new Pool(config.databaseUrl, config.poolMax) : null;
  const payments = pool ? new DatabasePayments(pool) : new FilePayments(config.paymentsFile);
  const clientOf = (request) => request.headers['x-forwarded-for'] || request.socket.remoteAddress;

  async function limit(client) {
    if (!config.redisUrl) return;
    const key = `rate_limit:${client}`;
    const [count] = await redis(config.redisUrl, [['INCR', key]]);
    // Not atomic: a worker that dies between the two leaves a key that never expires.
    if (count === 1) await redis(config.redisUrl, [['EXPIRE', key, 60]]);
    if (count > config.rateLimitPerMinute) throw new Refusal(429, 'rate_limited', 'too many payments', { 'retry-after': '60' });
  }

  function openForPayments() {
    if (!config.maintenance) return;
    throw new Refusal(503, 'maintenance', 'Payments are paused for maintenance.', { 'retry-after': '120' });
  }

  function validated({ amount, currency, customer }) {
    if (!(typeof amount === 'number' && amount > 0 && amount <= MAX_AMOUNT)) {
      throw new Refusal(422, 'bad_amount', `amount must be a number above 0 and at most ${MAX_AMOUNT}`);
    }
    if (!CURRENCIES.includes(currency)) throw new Refusal(422, 'bad_currency', `currency must be one of ${CURRENCIES.join(', ')}`);
    return { amount, currency, customer: typeof customer === 'string' ? customer : null };
  }

  async function pay(request) {
    openForPayments();
    await limit(clientOf(request));
    const start = Date.now();
    const { test, ...body } = await readJson(request);
    const order = validated(body);
    if (test === true) return rehearse(order, start);
    const payment = { id: `pay_${crypto.randomUUID()}`, ...order, status: 'pending', created_at: new Date().toISOString() };
    const fields = { request_id: crypto.randomUUID(), payment_id: payment.id, amount: order.amount, currency: order.currency };
    log.debug('payment received', { ...fields, customer: order.customer });
    await payments.add(payment);
    try {
      if (config.providerUrl) await provider.openSession(config, payment);
    } catch (error) {
      await payments.settle(payment.id, 'failed');
      metrics.payment({ ok: false, code: error.code, ms: Date.now() - start });
      log.error('payment failed', { ...fields, customer: order.customer, code: error.code, error: error.message });
      throw new Refusal(502, 'provider_error', 'The payment provider refused the payment.');
    }
    await payments.settle(payment.id, 'completed');
    const ms = Date.now() - start;
    metrics.payment({ ok: true, ms });
    log.info('payment completed', { ...fields, customer: order.customer, duration_ms: ms });
    return [201, { ...payment, status: 'completed', fee: feeFor(order.currency, order.amount) }];
  }

  /** All that a payment needs, asked for and not kept: it is in no list, no metric and no account. */
  async function rehearse(order, start) {
    try {
      if (pool) await pool.query('SELECT 1 FROM payments LIMIT 1');
      if (config.providerUrl) await provider.openSession(config, { ...order, test: true });
    } catch (error) {
      log.error('test payment failed', { code: error.code, error: error.message });
      throw new Refusal(502, 'provider_error', 'The test payment did not go through.');
    }
    return [200, { status: 'completed', test: true, duration_ms: Date.now() - start }];
  }

  async function list(request, query) {
    const status = query.get('status');
    if (status && !STATUSES.includes(status)) throw new Refusal(422, 'bad_status', `status must be one of ${STATUSES.join(', ')}`);
    const rows = await payments.list(status);
    return [200, { count: rows.length, payments: rows }];
  }

  async function warmUp() {
    const start = Date.now();
    const keys = Object.entries(FEES).map(([currency, fee]) => ['SET', `cache:fee:${currency}`, fee, 'EX', 300]);
    if (config.redisUrl) await redis(config.redisUrl, keys);
    return [200, { warmed: config.redisUrl ? keys.length : 0, duration_ms: Date.now() - start, pid: process.pid }];
  }

  const worker = { pid: process.pid, instance: config.instance, sha: config.build.sha };
  const routes = {
    'GET /health': () => [200, health.basic(config)],
    'GET /health/detailed': () => [200, health.detailed(config, pool)],
    'GET /health/dependencies': async () => {
      const state = await health.dependencies(config);
      return [state.status === 'ok' ? 200 : 503, { ...state, pid: process.pid }];
    },
    'GET /api/metrics': () => [200, { ...metrics.snapshot(), ...worker }],
    'GET /api/warmup-cache': warmUp,
    'GET /api/payments': list,
    'POST /api/payments': pay,
  };

  async function answer(request) {
    const url = new URL(request.url, 'http://gateway');
    const route = routes[`${request.method} ${url.pathname}`];
    try {
      if (!route) throw new Refusal(404, 'not_found', 'no such page');
      const [status, body] = await route(request, url.searchParams);
      return { status, body, headers: {} };
    } catch (error) {
      if (error instanceof Refusal) {
        return { status: error.status, body: { error: error.code, message: error.message }, headers: error.headers };
      }
      log.error('request failed', { path: url.pathname, code: error.code, error: error.message });
      log.plain('ERROR', error.stack);
      return { status: 500, body: { error: 'internal', message: 'The payment could not be handled.' }, headers: {} };
    }
  }

  const app = {
    stopping: false,

    async handle(request, response) {
      const { status, body, headers } = await answer(request);
      const text = `${JSON.stringify(body)}\n`;
      response.writeHead(status, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(text),
        ...(app.stopping && { connection: 'close' }),
        ...headers,
      });
      response.end(text);
      metrics.request(status);
      log.access(request, response, Buffer.byteLength(text));
    },
  };
  return app;
}

module.exports = { createApp };
