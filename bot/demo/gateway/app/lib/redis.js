'use strict';

// The part of RESP that short commands need (https://redis.io/docs/latest/develop/reference/protocol-spec/).

const net = require('node:net');

function encode(command) {
  const parts = command.map((part) => `$${Buffer.byteLength(String(part))}\r\n${part}\r\n`);
  return `*${command.length}\r\n${parts.join('')}`;
}

/** The first reply in `text` and what follows it, or null when it is not complete. Only simple and bulk replies. */
function decode(text) {
  const end = text.indexOf('\r\n');
  if (end < 0) return null;
  const [type, head, rest] = [text[0], text.slice(1, end), text.slice(end + 2)];
  if (type !== '$') return { value: type === ':' ? Number(head) : head, error: type === '-', rest };
  if (head === '-1') return { value: null, error: false, rest };
  const length = Number(head);
  if (rest.length < length + 2) return null;
  return { value: rest.slice(0, length), error: false, rest: rest.slice(length + 2) };
}

/** Runs the commands on a connection of their own and returns the reply of each. */
function redis(url, commands, timeoutMs = 1000) {
  const { hostname, port, password } = new URL(url);
  const all = password ? [['AUTH', decodeURIComponent(password)], ...commands] : commands;
  return new Promise((resolve, reject) => {
    const replies = [];
    let text = '';
    const socket = net.connect({ host: hostname, port: Number(port || 6379) });
    const fail = (error) => {
      socket.destroy();
      reject(error);
    };
    socket.setTimeout(timeoutMs, () => fail(new Error(`redis did not answer within ${timeoutMs} ms`)));
    socket.setEncoding('latin1');
    socket.on('error', fail);
    socket.on('close', () => reject(new Error('redis closed the connection')));
    socket.on('connect', () => socket.write(all.map(encode).join('')));
    socket.on('data', (chunk) => {
      text += chunk;
      for (let reply = decode(text); reply; reply = decode(text)) {
        text = reply.rest;
        if (reply.error) return fail(new Error(reply.value));
        replies.push(reply.value);
      }
      if (replies.length === all.length) {
        resolve(replies.slice(all.length - commands.length));
        socket.end();
      }
    });
  });
}

module.exports = { redis };
