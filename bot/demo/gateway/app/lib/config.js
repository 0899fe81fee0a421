'use strict';

const fs = require('node:fs');
const path = require('node:path');

const ROOT = path.join(__dirname, '..');

/** What `npm run build` stamped; an unbuilt checkout has no SHA. */
function readBuild() {
  try {
    return JSON.parse(fs.readFileSync(path.join(ROOT, 'dist', 'build.json'), 'utf8'));
  } catch {
    return { version: require('../package.json').version, sha: null, built_at: null };
  }
}

/** The settings of this worker, read once at start. */
function readConfig(env) {
  return Object.freeze({
    host: '127.0.0.1',
    port: Number(env.PORT || 3000),
    instance: Number(env.NODE_APP_INSTANCE || 0),
    environment: env.NODE_ENV || 'development',
    logLevel: env.LOG_LEVEL || 'info',
    maintenance: env.ENABLE_MAINTENANCE_MODE === 'true',
    databaseUrl: env.DATABASE_URL || '',
    poolMax: Number(env.PG_POOL_MAX || 5),
    redisUrl: env.REDIS_URL || '',
    rateLimitPerMinute: Number(env.RATE_LIMIT_PER_MINUTE || 600),
    providerUrl: env.CROSSMINT_API_URL || '',
    providerKey: env.CROSSMINT_API_KEY || '',
    accessLog: env.ACCESS_LOG || '',
    paymentsFile: env.PAYMENTS_FILE || path.join(ROOT, 'dist', 'payments.jsonl'),
    build: readBuild(),
  });
}

module.exports = { readConfig };
