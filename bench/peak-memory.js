// Loaded into a process that is measured: says its peak resident memory, in kB, as it ends.
import { readFileSync, writeSync } from 'node:fs';

process.on('exit', () => writeSync(2, `peak memory: ${peak()}\n`));

/** Linux counts into `maxRSS` what the parent had when it forked; VmHWM begins anew. */
function peak() {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS;
  return /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1];
}
