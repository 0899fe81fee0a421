'use strict';

// Gives the gateway a past: payments of the last two days, rate limits in force and, when asked, faults worth finding.
// Reads {app, adminUrl, databaseUrl, redisUrl, paymentsFile, role, broken} as JSON from standard input; URLs may be null.

const fs = require('node:fs');
const path = require('node:path');

const options = JSON.parse(fs.readFileSync(0, 'utf8'));
const fromApp = (file) => require(path.join(options.app, file));
const { Connection, Pool, literal } = fromApp('lib/postgres');
const { DatabasePayments, FilePayments } = fromApp('lib/payments');
const { migrate } = fromApp('scripts/migrate');
const { redis } = fromApp('lib/redis');

const HOUR_MS = 3600 * 1000;
const CURRENCIES = ['USDC', 'ETH', 'USDC', 'SOL'];

function payment(number, hoursAgo, status) {
  return {
    id: `pay_seed_${String(number).padStart(4, '0')}`,
    amount: 10 + ((number * 37) % 400),
    currency: CURRENCIES[number % CURRENCIES.length],
    customer: `buyer-${number}@example.net`,
    status,
    created_at: new Date(Date.now() - hoursAgo * HOUR_MS).toISOString(),
  };
}

function past() {
  const settled = Array.from({ length: 96 }, (_, number) => payment(number, 48 - number / 2, number % 60 === 59 ? 'failed' : 'completed'));
  // Webhooks that never came: paid at the provider, pending here.
  const stuck = options.broken ? [3, 5, 8, 13, 19].map((hoursAgo, index) => payment(200 + index, hoursAgo, 'pending')) : [];
  return [...settled, ...stuck];
}

async function prepareDatabase() {
  const { name, password } = options.role;
  const admin = await Connection.open(options.adminUrl, 5000);
  const exists = await admin.query(`SELECT 1 FROM pg_roles WHERE rolname = ${literal(name)}`);
  await admin.query(`${exists.length ? 'ALTER' : 'CREATE'} ROLE "${name}" LOGIN PASSWORD ${literal(password)}`);
  await admin.query(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`, 10000);
  await admin.query(`CREATE DATABASE "${name}" OWNER "${name}"`, 10000);
  admin.close();
  await migrate(options.databaseUrl);
}

function rateLimits() {
  const current = [11, 48, 85].map((host, index) => ['SET', `rate_limit:198.51.100.${host}`, 3 + index, 'EX', 40 + index]);
  // A worker died between INCR and EXPIRE: this customer is locked out for good.
  return options.broken ? [...current, ['SET', 'rate_limit:203.0.113.77', 4812]] : current;
}

async function main() {
  if (options.databaseUrl) await prepareDatabase();
  const store = options.databaseUrl ? new DatabasePayments(new Pool(options.databaseUrl, 1)) : new FilePayments(options.paymentsFile);
  for (const one of past()) await store.add(one);
  if (options.redisUrl) await redis(options.redisUrl, rateLimits());
}

main().then(() => process.exit(0), (error) => {
  process.stderr.write(`seed: ${error.stack}\n`);
  process.exit(1);
});
