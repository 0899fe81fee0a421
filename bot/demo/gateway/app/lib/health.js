'use strict';

const { Connection } = require('./postgres');
const provider = require('./provider');
const { redis } = require('./redis');

const TIMEOUT_MS = 1000;

/** Runs `attempt` and says how it went; `ok` is null for what is not configured. */
async function probe(configured, attempt) {
  if (!configured) return { configured: false, ok: null, latency_ms: null };
  const start = process.hrtime.bigint();
  const latency = () => Number(process.hrtime.bigint() - start) / 1e6;
  try {
    await attempt();
    return { configured: true, ok: true, latency_ms: Number(latency().toFixed(1)) };
  } catch (error) {
    return { configured: true, ok: false, latency_ms: Number(latency().toFixed(1)), error: error.message || error.code };
  }
}

async function askDatabase(url) {
  const connection = await Connection.open(url, TIMEOUT_MS);
  try {
    await connection.query('SELECT 1', TIMEOUT_MS);
  } finally {
    connection.close();
  }
}

/** Each dependency by a connection of its own, all at once. */
async function dependencies(config) {
  const [database, cache, checkout] = await Promise.all([
    probe(config.databaseUrl, () => askDatabase(config.databaseUrl)),
    probe(config.redisUrl, () => redis(config.redisUrl, [['PING']], TIMEOUT_MS)),
    probe(config.providerUrl, () => provider.ping(config, TIMEOUT_MS)),
  ]);
  const ok = [database, cache, checkout].every((one) => one.ok !== false);
  return { status: ok ? 'ok' : 'degraded', database, redis: cache, provider: checkout };
}

function basic(config) {
  return {
    status: 'ok',
    sha: config.build.sha,
    version: config.build.version,
    pid: process.pid,
    instance: config.instance,
    maintenance: config.maintenance,
  };
}

function detailed(config, pool) {
  const memory = process.memoryUsage();
  const mb = (bytes) => Number((bytes / 2 ** 20).toFixed(1));
  return {
    ...basic(config),
    built_at: config.build.built_at,
    node: process.version,
    environment: config.environment,
    log_level: config.logLevel,
    uptime_seconds: Number(process.uptime().toFixed(1)),
    memory: { rss_mb: mb(memory.rss), heap_used_mb: mb(memory.heapUsed), heap_total_mb: mb(memory.heapTotal) },
    pool: pool && pool.stats(),
    rate_limit_per_minute: config.rateLimitPerMinute,
    // A leak of the kind that services have: who shows this page must pick its fields.
    provider: { url: config.providerUrl || null, api_key: config.providerKey || null },
  };
}

module.exports = { basic, dependencies, detailed };
