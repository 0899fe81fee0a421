'use strict';

const path = require('node:path');

require('dotenv').config({ path: path.join(__dirname, '..', '.env'), quiet: true });

const { Connection } = require('../lib/postgres');

// Every statement may run again.
const STATEMENTS = [
  `CREATE TABLE IF NOT EXISTS payments (
     id text PRIMARY KEY,
     amount numeric NOT NULL,
     currency text NOT NULL,
     customer text,
     status text NOT NULL CHECK (status IN ('pending', 'completed', 'failed')),
     created_at timestamptz NOT NULL DEFAULT now(),
     updated_at timestamptz)`,
  'CREATE TABLE IF NOT EXISTS migrations (id integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())',
  'INSERT INTO migrations (id) VALUES (1) ON CONFLICT DO NOTHING',
];

async function migrate(url) {
  const connection = await Connection.open(url, 2000);
  for (const statement of STATEMENTS) await connection.query(statement);
  connection.close();
}

module.exports = { migrate };

if (require.main === module) {
  migrate(process.env.DATABASE_URL || '').catch((error) => {
    process.stderr.write(`migrate: ${error.message}\n`);
    process.exitCode = 1;
  });
}
