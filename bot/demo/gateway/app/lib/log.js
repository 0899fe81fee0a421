'use strict';

const fs = require('node:fs');

const LEVELS = { debug: 10, info: 20, error: 40 };
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** nginx's $time_local, in UTC. */
function localTime(date) {
  const two = (n) => String(n).padStart(2, '0');
  const day = `${two(date.getUTCDate())}/${MONTHS[date.getUTCMonth()]}/${date.getUTCFullYear()}`;
  return `${day}:${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} +0000`;
}

/** Structured lines about payments, plain lines about the process; errors go to standard error. */
function createLog(config) {
  const threshold = LEVELS[config.logLevel] || LEVELS.info;

  function write(level, msg, fields) {
    if (LEVELS[level] < threshold) return;
    const line = JSON.stringify({ level, time: new Date().toISOString(), msg, pid: process.pid, ...fields });
    (level === 'error' ? process.stderr : process.stdout).write(`${line}\n`);
  }

  return {
    debug: (msg, fields) => write('debug', msg, fields),
    info: (msg, fields) => write('info', msg, fields),
    error: (msg, fields) => write('error', msg, fields),

    plain(level, text) {
      const stream = level === 'ERROR' ? process.stderr : process.stdout;
      stream.write(`${new Date().toISOString()} ${level.padEnd(5)} [gateway] ${text}\n`);
    },

    /** One line in nginx's combined format. Opened for each line, so that rotation by mv is followed. */
    access(request, response, bytes) {
      if (!config.accessLog) return;
      const client = request.headers['x-forwarded-for'] || request.socket.remoteAddress;
      const target = `${request.method} ${request.url} HTTP/${request.httpVersion}`;
      const agent = request.headers['user-agent'] || '-';
      const line = `${client} - - [${localTime(new Date())}] "${target}" ${response.statusCode} ${bytes} "-" "${agent}"\n`;
      fs.appendFile(config.accessLog, line, (error) => {
        if (error) this.plain('ERROR', `access log: ${error.message}`);
      });
    },
  };
}

module.exports = { createLog };
