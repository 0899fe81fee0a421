'use strict';

const fs = require('node:fs');
const path = require('node:path');

const { literal } = require('./postgres');

/** Payments in the table `payments`. */
class DatabasePayments {
  constructor(pool) {
    this.pool = pool;
  }

  async add({ id, amount, currency, customer, status, created_at: createdAt }) {
    const values = [id, amount, currency, customer, status, createdAt].map(literal).join(', ');
    await this.pool.query(`INSERT INTO payments (id, amount, currency, customer, status, created_at) VALUES (${values})`);
  }

  async settle(id, status) {
    await this.pool.query(`UPDATE payments SET status = ${literal(status)}, updated_at = now() WHERE id = ${literal(id)}`);
  }

  async list(status, limit = 200) {
    const rows = await this.pool.query(
      'SELECT id, amount, currency, customer, status, to_json(created_at) #>> \'{}\' AS created_at FROM payments '
        + `${status ? `WHERE status = ${literal(status)} ` : ''}ORDER BY created_at DESC LIMIT ${Number(limit)}`,
    );
    return rows.map((row) => ({ ...row, amount: Number(row.amount) }));
  }
}

/** Payments as lines of a file that all workers append to; the last line of an id holds. */
class FilePayments {
  constructor(file) {
    this.file = file;
    fs.mkdirSync(path.dirname(file), { recursive: true });
  }

  async add(payment) {
    await fs.promises.appendFile(this.file, `${JSON.stringify(payment)}\n`);
  }

  async settle(id, status) {
    await this.add({ id, status });
  }

  async list(status, limit = 200) {
    const text = await fs.promises.readFile(this.file, 'utf8').catch(() => '');
    const payments = new Map();
    for (const line of text.split('\n').filter(Boolean)) {
      const change = JSON.parse(line);
      payments.set(change.id, { ...payments.get(change.id), ...change });
    }
    return [...payments.values()].filter((one) => !status || one.status === status).reverse().slice(0, limit);
  }
}

module.exports = { DatabasePayments, FilePayments };
