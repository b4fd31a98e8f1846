// Files over HTTP: `depot serve` beside nginx on the same files and filedepot's middleware under gunicorn.
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { findPython } from '../test/interop/environment.ts';
import { depot, inDirectory } from './measure.js';
import { compare, heading, skipped } from './results.js';

const application = fileURLToPath(new URL('.', import.meta.url));

/** Each server is one process that answers; gunicorn's has as many threads as it is said to need. */
const gunicorn = ['--workers', '1', '--worker-class', 'gthread', '--threads', '8'];

/** Seconds that each server is asked for. */
const duration = 5;

export async function compareServing() {
  heading('Serving local files');
  if (!hasProgram('wrk')) return skipped('Serving', 'there is no wrk');
  await inDirectory(async (directory) => {
    const storage = path.join(directory, 'files');
    mkdirSync(storage);
    execFileSync(process.execPath, [depot, 'init'], { cwd: directory, stdio: 'ignore' });
    const works = [
      { size: 10_000, connections: 64 },
      { size: 50_000_000, connections: 8 },
    ].map((work) => ({ ...work, target: put(directory, work.size) }));
    const servers = await startServers(directory, storage);
    try {
      for (const work of works) compareWork(servers, work);
    } finally {
      for (const { child } of servers) child.kill('SIGTERM');
      await Promise.all(servers.map(({ exit }) => exit));
    }
  });
}

function compareWork(servers, { size, connections, target }) {
  const title = `${size / 1000} kB, ${connections} connections at a time`;
  const requests = Math.round(1e9 / size);
  const runs = servers.map(({ shown, url, child }) => ({
    shown,
    seconds: requests / requestsPerSecond(url + target, connections),
    megabytes: peakMegabytes(child.pid),
  }));
  compare({ title, blobs: requests, bytes: requests * size }, runs);
}

function requestsPerSecond(url, connections) {
  const args = ['-t', '1', '-c', `${connections}`, '-d', `${duration}s`, '--timeout', '30s', url];
  const printed = execFileSync('wrk', args, { encoding: 'utf8' });
  if (/Non-2xx|Socket errors/.test(printed)) throw new Error(`${url}: ${printed}`);
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(printed)[1]);
}

/** Of a process and its children, together. */
function peakMegabytes(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const own = (Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)[1]) * 1024) / 1e6;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
  const pids = children.filter((child) => child.trim() !== '');
  return pids.reduce((sum, child) => sum + peakMegabytes(child), own);
}

/** Stores a file; its path below a server. */
function put(directory, size) {
  const file = path.join(directory, `${size}.bin`);
  writeFileSync(file, randomBytes(size));
  const args = [depot, 'put', file];
  const printed = execFileSync(process.execPath, args, { cwd: directory, encoding: 'utf8' });
  return `/depot/${printed.trim()}`;
}

async function startServers(directory, storage) {
  const [ours, nginx, python] = await Promise.all([freePort(), freePort(), freePort()]);
  const started = [
    start(ours, `depot serve`, [process.execPath, depot, 'serve', '--port', ours], directory),
  ];
  if (!hasProgram('nginx')) skipped('nginx', 'it is not installed');
  else {
    writeFileSync(
      path.join(directory, 'nginx.conf'),
      nginxConfiguration(directory, storage, nginx),
    );
    const args = ['-p', directory, '-c', path.join(directory, 'nginx.conf')];
    const shown = 'nginx, 1 worker: looks nothing up, checks nothing';
    started.push(start(nginx, shown, ['nginx', ...args], directory));
  }
  const packages = installGunicorn(directory);
  if (packages === null) skipped('gunicorn', 'it cannot be installed');
  else {
    const bind = ['--bind', `127.0.0.1:${python}`, '--pythonpath', application];
    const args = ['-m', 'gunicorn', ...gunicorn, ...bind, 'serve_filedepot:application'];
    const shown = `filedepot's middleware, \`gunicorn ${gunicorn.join(' ')}\``;
    const env = { PYTHONPATH: packages, STORAGE: storage };
    started.push(start(python, shown, [findPython(), ...args], directory, env));
  }
  return Promise.all(started);
}

/** Starts a server, and waits until it takes connections. */
async function start(port, shown, [program, ...args], cwd, env = {}) {
  const options = { cwd, env: { ...process.env, ...env }, stdio: 'ignore' };
  const child = spawn(program, args.map(String), options);
  const exit = once(child, 'exit');
  const url = `http://127.0.0.1:${port}`;
  while (
    !(await fetch(url).then(
      () => true,
      () => false,
    ))
  ) {
    if (child.exitCode !== null) throw new Error(`${shown} does not start`);
    await sleep(50);
  }
  return { shown, url, child, exit };
}

function nginxConfiguration(directory, storage, port) {
  return `daemon off; worker_processes 1; pid ${directory}/nginx.pid; error_log ${directory}/nginx.log;
user root;
events { worker_connections 1024; }
http {
  access_log off; sendfile on; keepalive_requests 1000000; default_type application/octet-stream;
  server {
    listen 127.0.0.1:${port};
    location ~ ^/depot/files/([^/]+)$ { alias ${storage}/$1/file; }
  }
}
`;
}

/** Into a directory of its own beside the tests' environment, which has filedepot. */
function installGunicorn(directory) {
  const python = findPython();
  if (python === undefined) return null;
  const packages = path.join(directory, 'packages');
  try {
    const args = ['-m', 'pip', 'install', '--quiet', '--target', packages, 'gunicorn'];
    execFileSync(python, args, { stdio: 'ignore' });
    return packages;
  } catch {
    return null;
  }
}

function hasProgram(name) {
  const directories = [...process.env.PATH.split(path.delimiter), '/usr/sbin'];
  return directories.some((each) => existsSync(each) && readdirSync(each).includes(name));
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
