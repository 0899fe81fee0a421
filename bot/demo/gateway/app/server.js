'use strict';

const http = require('node:http');
const path = require('node:path');

// Does not override what the environment already holds.
require('dotenv').config({ path: path.join(__dirname, '.env'), quiet: true });

const { createApp } = require('./lib/app');
const { readConfig } = require('./lib/config');
const { createLog } = require('./lib/log');

const DRAIN_LIMIT_MS = 2500; // below PM2's kill_timeout
// A connection that the cluster's primary has sent here already goes to another worker only if this one lives to say no.
const HANDOVER_MS = 150;

const config = readConfig(process.env);
const log = createLog(config);
const app = createApp(config, log);
const server = http.createServer(app.handle);

server.listen(config.port, config.host, () => {
  log.plain('INFO', `listening on ${config.host}:${config.port}, worker ${config.instance}, version ${config.build.version}`);
  if (config.maintenance) log.plain('WARN', 'maintenance mode is on: payments are refused');
  if (process.send) process.send('ready');
});

function drain(signal) {
  log.plain('INFO', `${signal}: draining`);
  app.stopping = true;
  server.close(() => setTimeout(() => process.exit(0), HANDOVER_MS));
  server.closeIdleConnections();
  setTimeout(() => process.exit(0), DRAIN_LIMIT_MS).unref();
}

process.on('SIGINT', () => drain('SIGINT'));
process.on('SIGTERM', () => drain('SIGTERM'));
