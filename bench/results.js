// What the comparisons found: printed as they come, and written to RESULTS.md if asked.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, platform } from 'node:os';
import { fileURLToPath } from 'node:url';

const file = fileURLToPath(new URL('RESULTS.md', import.meta.url));
const limits = new URL('limits.md', import.meta.url);
const lines = [];

function say(...texts) {
  for (const text of texts) console.log(text);
  lines.push(...texts);
}

/**
 * A comparison: how long each command took for the same work. `amount` is in blobs or bytes; the
 * first run is ours, and the ratios say how many times as fast it was as each of the others.
 *
 * @param {{ title: string, blobs: number, bytes: number, target?: string }} work
 * @param {{ shown: string, seconds: number, megabytes?: number }[]} runs
 */
export function compare({ title, blobs, bytes, target }, runs) {
  const [ours] = runs;
  say('', `### ${title}`, '');
  if (target !== undefined) say(`Target: ${target}`, '');
  say('| | seconds | blobs/s | MB/s | MB of memory | ours is … times as fast |');
  say('| --- | ---: | ---: | ---: | ---: | ---: |');
  for (const { shown, seconds, megabytes } of runs) {
    const cells = [seconds.toFixed(2), (blobs / seconds).toFixed(0)];
    cells.push((bytes / 1e6 / seconds).toFixed(1), megabytes ? megabytes.toFixed(0) : '');
    say(`| ${shown} | ${cells.join(' | ')} | ${(seconds / ours.seconds).toFixed(2)} |`);
  }
}

/** Why something was not measured. */
export function skipped(title, why) {
  say('', `### ${title}`, '', `Skipped: ${why}.`);
}

export function heading(text) {
  say('', `## ${text}`);
}

/** The whole file, with what it was measured on. */
export function writeResults(quick, versions) {
  const [cpu] = cpus();
  const machine = `${cpus().length} cores (${cpu?.model}), ${platform()}`;
  const head = [
    '# Results of the benchmarks',
    '',
    `Written by \`npm run bench -- --compare --write${quick ? ' --quick' : ''}\` on ${new Date().toISOString().slice(0, 10)}, ${machine};`,
    `${versions.join(', ')}.`,
    'Compare the ratios: each table was measured side by side, one after the other; the machine was shared',
    'with other work. Memory is the peak of the program alone, as Linux counts it.',
  ];
  writeFileSync(file, `${[...head, ...lines].join('\n')}\n${readFileSync(limits, 'utf8')}`);
}

/** Of this program's Node and of the other tools, as they say them. */
export function versions() {
  const tools = [
    ['rclone', 'version'],
    ['s5cmd', 'version'],
    ['psql', '--version'],
  ];
  const said = tools.map(([name, option]) => {
    const { error, stdout } = spawnSync(name, [option], { encoding: 'utf8' });
    if (error) return `no ${name}`;
    const text = stdout.split('\n')[0].trim();
    return text.startsWith(name) ? text : `${name} ${text}`;
  });
  return [`Node ${process.versions.node}`, 'Kotti 2.0.9', ...said];
}
