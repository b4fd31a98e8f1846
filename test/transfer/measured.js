// Runs depot in this process, and ends its standard error with the most memory that it ever held,
// in bytes. (Linux only.)
import { readFileSync, writeSync } from 'node:fs';

process.on('exit', () => {
  const [, peak] = /VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'));
  writeSync(2, `\npeak ${Number(peak) * 1024}\n`);
});
await import('../../bin/depot.js');
