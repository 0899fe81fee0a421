'use strict';

// The few messages of PostgreSQL's protocol 3.0 that simple queries need
// (https://www.postgresql.org/docs/current/protocol-message-formats.html).

const net = require('node:net');

const PROTOCOL = 196608;

/** postgresql://user:password@host:port/database?host=/socket/folder; `host` may be empty. */
function parseUrl(url) {
  const match = /^postgres(?:ql)?:\/\/(?:([^:@/]*)(?::[^@]*)?@)?([^:/]*)(?::(\d+))?\/([^?]*)(?:\?(.*))?$/.exec(url);
  if (!match) throw new Error('DATABASE_URL is not a connection string');
  const [, user, host, port = '5432', database, query = ''] = match;
  const folder = new URLSearchParams(query).get('host');
  return {
    user: decodeURIComponent(user || 'postgres'),
    database: decodeURIComponent(database || user),
    socket: folder ? { path: `${folder}/.s.PGSQL.${port}` } : { host: host || '127.0.0.1', port: Number(port) },
  };
}

const literal = (value) => (value === null ? 'NULL' : `'${String(value).replace(/'/g, "''")}'`);

function message(type, body) {
  const head = Buffer.alloc(type ? 5 : 4);
  if (type) head.write(type);
  head.writeInt32BE(body.length + 4, head.length - 4);
  return Buffer.concat([head, body]);
}

const strings = (...parts) => Buffer.from(parts.map((part) => `${part}\0`).join(''));

function errorOf(body) {
  const fields = body.toString('utf8').split('\0').filter(Boolean);
  const field = (code) => (fields.find((text) => text[0] === code) || '').slice(1);
  return Object.assign(new Error(field('M')), { code: field('C') });
}

function columnsOf(body) {
  const names = [];
  for (let i = 0, at = 2; i < body.readInt16BE(0); i += 1) {
    const end = body.indexOf(0, at);
    names.push(body.toString('utf8', at, end));
    at = end + 19; // the terminator and 18 bytes on the column's type
  }
  return names;
}

function rowOf(body, columns) {
  let at = 2;
  return Object.fromEntries(columns.map((name) => {
    const length = body.readInt32BE(at);
    const value = length < 0 ? null : body.toString('utf8', at + 4, at + 4 + length);
    at += 4 + Math.max(length, 0);
    return [name, value];
  }));
}

/** One connection, one query at a time; values come back as text. */
class Connection {
  static async open(url, timeoutMs) {
    const { user, database, socket } = parseUrl(url);
    const connection = new Connection(net.connect(socket));
    const hello = Buffer.concat([Buffer.alloc(4), strings('user', user, 'database', database, 'application_name', 'crypto-payment-gateway', '')]);
    hello.writeInt32BE(PROTOCOL);
    await connection.exchange(message('', hello), timeoutMs);
    return connection;
  }

  constructor(socket) {
    this.socket = socket;
    this.buffer = Buffer.alloc(0);
    this.open = true;
    socket.on('data', (chunk) => this.receive(chunk));
    socket.on('error', (error) => this.fail(error));
    socket.on('close', () => this.fail(new Error('the database closed the connection')));
  }

  query(sql, timeoutMs = 2000) {
    return this.exchange(message('Q', strings(sql)), timeoutMs);
  }

  exchange(bytes, timeoutMs) {
    if (!this.open) return Promise.reject(new Error('the database connection is closed'));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.fail(new Error(`the database did not answer within ${timeoutMs} ms`)), timeoutMs);
      this.pending = { resolve, reject, timer, columns: [], rows: [], error: null };
      this.socket.write(bytes);
    });
  }

  receive(chunk) {
    this.buffer = Buffer.concat([this.buffer, chunk]);
    while (this.buffer.length >= 5) {
      const length = this.buffer.readInt32BE(1);
      if (this.buffer.length < length + 1) return;
      const type = String.fromCharCode(this.buffer[0]);
      const body = this.buffer.subarray(5, length + 1);
      this.buffer = this.buffer.subarray(length + 1);
      if (this.pending) this.take(type, body);
    }
  }

  take(type, body) {
    const { pending } = this;
    if (type === 'R' && body.readInt32BE(0) !== 0) this.fail(new Error('only trust authentication is supported'));
    else if (type === 'T') pending.columns = columnsOf(body);
    else if (type === 'D') pending.rows.push(rowOf(body, pending.columns));
    else if (type === 'E') pending.error = errorOf(body);
    else if (type === 'Z') this.settle();
  }

  settle() {
    const { resolve, reject, timer, rows, error } = this.pending;
    clearTimeout(timer);
    this.pending = null;
    if (error) reject(error);
    else resolve(rows);
  }

  fail(error) {
    this.open = false;
    this.socket.destroy();
    if (!this.pending) return;
    // An error that the server sent before it hung up says more than the hang-up.
    this.pending.error = this.pending.error || error;
    this.settle();
  }

  close() {
    this.socket.end(message('X', Buffer.alloc(0)));
  }
}

/** At most `max` connections; who comes when all are taken waits. */
class Pool {
  constructor(url, max) {
    this.url = url;
    this.max = max;
    this.size = 0;
    this.idle = [];
    this.waiting = [];
  }

  async query(sql) {
    while (!this.idle.length && this.size >= this.max) await new Promise((go) => this.waiting.push(go));
    let connection = this.idle.pop();
    try {
      if (!connection || !connection.open) {
        if (!connection) this.size += 1;
        connection = await Connection.open(this.url, 1000);
      }
      return await connection.query(sql);
    } finally {
      if (connection && connection.open) this.idle.push(connection);
      else this.size -= 1;
      const next = this.waiting.shift();
      if (next) next();
    }
  }

  stats() {
    return { max: this.max, open: this.size, idle: this.idle.length, waiting: this.waiting.length };
  }
}

module.exports = { Connection, Pool, literal };
