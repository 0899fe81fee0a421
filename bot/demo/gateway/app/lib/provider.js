'use strict';

const http = require('node:http');

/** One request to the payment provider; resolves to {status, body}, whatever the status. */
function call(config, method, path, payload, timeoutMs = 2000) {
  const body = payload ? JSON.stringify(payload) : '';
  const headers = { 'x-api-key': config.providerKey, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const request = http.request(new URL(path, config.providerUrl), { method, headers, agent: false, timeout: timeoutMs });
    request.on('timeout', () => request.destroy(new Error(`the provider did not answer within ${timeoutMs} ms`)));
    request.on('error', reject);
    request.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => { text += chunk; });
      response.on('end', () => resolve({ status: response.statusCode, body: text }));
    });
    request.end(body);
  });
}

/** Opens a checkout session; throws an error with the provider's `code` when it refuses. */
async function openSession(config, payment) {
  const { status, body } = await call(config, 'POST', '/api/2022-06-09/checkout/sessions', payment);
  if (status < 300) return;
  let answer = {};
  try {
    answer = JSON.parse(body);
  } catch {
    // A proxy's page instead of JSON: the status is all there is to tell.
  }
  throw Object.assign(new Error(answer.message || `the provider answered ${status}`), { code: answer.code || `HTTP_${status}` });
}

async function ping(config, timeoutMs) {
  const { status } = await call(config, 'GET', '/status', null, timeoutMs);
  if (status !== 200) throw new Error(`the provider answered ${status}`);
}

module.exports = { openSession, ping };
