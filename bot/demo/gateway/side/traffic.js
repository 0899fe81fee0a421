'use strict';

// The world around the gateway: the payment provider's sandbox, and customers who keep paying.
// node traffic.js GATEWAY_PORT PROVIDER_PORT [broken]; prints "ready" once the first payments were made.

const http = require('node:http');

const [gatewayPort, providerPort] = process.argv.slice(2, 4).map(Number);
const broken = process.argv[4] === 'broken';

const FIRST_PAYMENTS = 120; // so that rates mean something from the start
const FIRST_AT_ONCE = 6;
const EVERY_MS = 250;
const QUOTE_EXPIRES_EVERY = 400;
const CURRENCIES = ['USDC', 'ETH', 'USDC', 'USDC', 'ETH', 'USDC', 'USDC', 'SOL', 'USDC', 'ETH', 'USDC', 'USDC'];
const AGENTS = ['checkout-web/3.2 (Firefox)', 'checkout-ios/5.0.1', 'checkout-android/4.8'];

const SLOW_MS = 1800; // the gateway gives up after two seconds

let sessions = 0;
let how = 'well'; // or down, slow, errors: set by POST /break?how=

/** Why this session is refused, or null. */
function refusal({ currency, test }) {
  sessions += 1;
  // Test payments go through: it is a fault that only real ones meet.
  if (how === 'errors' && !test) return { code: 'CHAIN_RPC_TIMEOUT', message: 'upstream RPC timed out' };
  if (broken && currency === 'SOL') return { code: 'CHAIN_RPC_TIMEOUT', message: 'upstream RPC for solana timed out' };
  if (sessions % QUOTE_EXPIRES_EVERY === 0) return { code: 'QUOTE_EXPIRED', message: 'the quote has expired' };
  return null;
}

/** What the provider's status page says: in words, and of its parts. */
function summary() {
  if (how === 'down') {
    const outage = [{ name: 'Checkout', status: 'major_outage' }];
    return { page: { name: 'Crossmint sandbox' }, status: { indicator: 'critical', description: 'Major Service Outage' }, components: outage, incidents: [] };
  }
  const status = broken ? { indicator: 'minor', description: 'Partially Degraded Service' } : { indicator: 'none', description: 'All Systems Operational' };
  const components = [{ name: 'Checkout', status: 'operational' }, { name: 'Solana settlement', status: broken ? 'degraded_performance' : 'operational' }];
  return { page: { name: 'Crossmint sandbox' }, status, components, incidents: [] };
}

function answer(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

const provider = http.createServer((request, response) => {
  let text = '';
  request.on('data', (chunk) => { text += chunk; });
  request.on('end', () => {
    const order = /^\/break\?how=(well|down|slow|errors)$/.exec(request.url);
    if (order && request.method === 'POST') {
      [, how] = order;
      return answer(response, 200, { how });
    }
    if (request.url === '/status' || request.url === '/api/v2/summary.json') return answer(response, 200, summary());
    if (!/^sk_demo_/.test(request.headers['x-api-key'])) return answer(response, 401, { code: 'UNAUTHORIZED' });
    if (request.method !== 'POST' && how !== 'down') return answer(response, 405, { code: 'METHOD_NOT_ALLOWED' });
    if (how === 'down') return answer(response, 503, { code: 'UNAVAILABLE' });
    const why = refusal(JSON.parse(text));
    return setTimeout(() => answer(response, why ? 502 : 201, why || { session: 'open' }), how === 'slow' ? SLOW_MS : why ? 45 : 15);
  });
});

/** One request on a connection of its own, so that both workers get their share. */
function send(number, method, path, payload) {
  const body = payload ? JSON.stringify(payload) : '';
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'user-agent': AGENTS[number % AGENTS.length],
    'x-forwarded-for': `198.51.100.${1 + ((number * 37) % 200)}`,
  };
  return new Promise((resolve) => {
    const request = http.request({ host: '127.0.0.1', port: gatewayPort, method, path, headers, agent: false, timeout: 5000 }, (response) => {
      response.resume();
      response.on('end', resolve);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', resolve); // the gateway may be down; customers come again
    request.end(body);
  });
}

function pay(number) {
  const amount = Number((5 + ((number * 7919) % 24500) / 100).toFixed(2));
  const customer = `buyer-${(number * 31) % 500}@example.net`;
  return send(number, 'POST', '/api/payments', { amount, currency: CURRENCIES[number % CURRENCIES.length], customer });
}

async function firstPayments(next) {
  while (next.number < FIRST_PAYMENTS) {
    next.number += 1;
    await pay(next.number);
  }
}

provider.listen(providerPort, '127.0.0.1', async () => {
  const next = { number: 0 };
  await Promise.all(Array.from({ length: FIRST_AT_ONCE }, () => firstPayments(next)));
  process.stdout.write('ready\n');
  setInterval(() => {
    next.number += 1;
    if (next.number % 4 === 3) send(next.number, 'GET', '/health');
    else pay(next.number);
  }, EVERY_MS);
});
