'use strict';

const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');

require('dotenv').config({ path: path.join(__dirname, '..', '.env'), quiet: true });

function get(page) {
  return new Promise((resolve, reject) => {
    const request = http.get({ host: '127.0.0.1', port: process.env.PORT, path: page, agent: false, timeout: 3000 }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode));
    });
    request.on('timeout', () => request.destroy(new Error('no answer within 3 s')));
    request.on('error', reject);
  });
}

async function pageIsUp(page) {
  const status = await get(page).catch((error) => error.message || error.code);
  return [status === 200, status];
}

async function main() {
  const disk = fs.statfsSync(path.join(__dirname, '..'));
  const diskUsed = Math.round(100 * (1 - disk.bavail / disk.blocks));
  const memoryUsed = Math.round(100 * (1 - os.freemem() / os.totalmem()));
  const checks = {
    health: await pageIsUp('/health'),
    dependencies: await pageIsUp('/health/dependencies'),
    disk: [diskUsed < 95, `${diskUsed}% used`],
    memory: [memoryUsed < 98, `${memoryUsed}% used`],
  };
  for (const [name, [ok, seen]] of Object.entries(checks)) process.stdout.write(`${ok ? 'OK  ' : 'FAIL'} ${name}: ${seen}\n`);
  if (Object.values(checks).some(([ok]) => !ok)) process.exitCode = 1;
}

main();
