// Loaded into a process that is measured: says its peak resident memory, in kB, as it ends.
import { writeSync } from 'node:fs';

process.on('exit', () => writeSync(2, `peak memory: ${process.resourceUsage().maxRSS}\n`));
