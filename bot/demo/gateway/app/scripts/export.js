'use strict';

// Every payment as a line of JSON, for backups.

const path = require('node:path');

require('dotenv').config({ path: path.join(__dirname, '..', '.env'), quiet: true });

const { readConfig } = require('../lib/config');
const { DatabasePayments, FilePayments } = require('../lib/payments');
const { Pool } = require('../lib/postgres');

async function main() {
  const config = readConfig(process.env);
  const payments = config.databaseUrl ? new DatabasePayments(new Pool(config.databaseUrl, 1)) : new FilePayments(config.paymentsFile);
  const rows = await payments.list(null, Number.MAX_SAFE_INTEGER);
  process.stdout.write(rows.map((row) => `${JSON.stringify(row)}\n`).join(''), () => process.exit(0));
}

main().catch((error) => {
  process.stderr.write(`export: ${error.message}\n`);
  process.exitCode = 1;
});
