// Moves the blobs of a real Kotti site (fixtures/kotti-site: its SQLite database and its
// production.ini) into local files, in a temporary directory, and shows before and after.
import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const site = mkdtempSync(path.join(tmpdir(), 'depot-demo-'));

function say(text = '') {
  process.stdout.write(`${text}\n`);
}

/** Runs depot in the site's directory, as an administrator would, and returns its exit code. */
function depot(...args) {
  say(`$ depot -c production.ini ${args.join(' ')}`);
  const command = [path.join(root, 'bin', 'depot.js'), '-c', 'production.ini', ...args];
  const { status } = spawnSync(process.execPath, command, {
    cwd: site,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  say();
  return status;
}

function expectExit(status, expected) {
  if (status === expected) return;
  throw new Error(`the demo expected exit code ${expected}, not ${status}`);
}

try {
  cpSync(path.join(root, 'fixtures', 'kotti-site'), site, { recursive: true });
  // The site's server ran in this zone; its blobs table holds local times.
  appendFileSync(path.join(site, 'production.ini'), '\n[depot]\ntimezone = Europe/Berlin\n');

  say('A Kotti site keeps its files in its SQLite database (storage dbfiles). They are to go into');
  say('local files (storage localfs). Two of its references have lost a file long ago.');
  say();
  say('BEFORE: which references name which storage');
  say();
  expectExit(depot('references', '--count'), 0);
  say('MIGRATE (exit code 1 will say: not all of it, see the two that are named)');
  say();
  expectExit(depot('migrate-storage', '--from', 'dbfiles', '--to', 'localfs'), 1);
  say('AFTER');
  say();
  expectExit(depot('references', '--count'), 0);
  expectExit(depot('list', '-l', '--limit', '5', 'localfs'), 0);
  say('The site goes on serving these files: try it on a copy of yours.');
} finally {
  rmSync(site, { recursive: true, force: true });
}
