'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { parse } = require('dotenv');

const env = parse(fs.readFileSync(path.join(__dirname, '.env')));

module.exports = {
  apps: [
    {
      name: 'crypto-payment-gateway',
      script: 'server.js',
      // By the link, so that a reload runs what it names then: PM2 keeps the path that it was started with.
      cwd: path.join(__dirname, '..', '..', 'app'),
      exec_mode: 'cluster',
      instances: Number(env.WORKERS || 2),
      wait_ready: true,
      listen_timeout: 5000,
      kill_timeout: 3000,
      min_uptime: 10000, // what ends sooner crashed at its start, also where a start takes long
      // SIGUSR2 has a worker write its heap there; without this it would end the worker.
      node_args: ['--heapsnapshot-signal=SIGUSR2', `--diagnostic-dir=${path.join(__dirname, '..', '..', 'heap')}`],
      max_memory_restart: '512M',
      env_production: { NODE_ENV: 'production' },
    },
  ],
};
