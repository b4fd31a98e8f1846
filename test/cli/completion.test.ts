import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  depot,
  done,
  executable,
  findProgram,
  newDirectory,
  newSite,
  outcome,
  startProgram,
} from './depot.js';

/** What `depot complete` offers for a line, and its directive. */
async function offered(
  here: string,
  ...words: string[]
): Promise<{ values: string[]; directive: string }> {
  const lines = (await done(here, ['complete', '--', ...words])).split('\n');
  const directive = lines.pop() ?? '';
  return { values: lines.map((line) => line.split('\t')[0] ?? ''), directive };
}

describe.concurrent('completion', () => {
  const config = ['-c', 'production.ini'];
  const none = { values: [], directive: ':4' };
  const files = { values: [], directive: ':0' };
  const storages = { values: ['dbfiles', 'localfs'], directive: ':4' };

  test.each([
    { words: ['mi'], offers: { values: ['migrate-storage'], directive: ':4' } },
    { words: [...config, 'list', ''], offers: storages },
    { words: [...config, 'ls', 'd'], offers: { values: ['dbfiles'], directive: ':4' } },
    { words: [...config, 'check', 'dbfiles', ''], offers: storages },
    { words: [...config, 'list', 'dbfiles', ''], offers: none },
    { words: [...config, 'put', '-s', ''], offers: storages },
    { words: [...config, 'migrate-storage', '--from', 'dbfiles', '--to', ''], offers: storages },
    {
      words: [...config, 'storages', 'create', 'l'],
      offers: { values: ['localfs'], directive: ':4' },
    },
    {
      words: [...config, 'get', ''],
      offers: { values: ['dbfiles/', 'localfs/'], directive: ':6' },
    },
    { words: ['storages', ''], offers: { values: ['create'], directive: ':4' } },
    { words: ['-c', ''], offers: files },
    { words: ['put', ''], offers: files },
    { words: ['migrate-storage', '--undo', ''], offers: files },
    { words: ['migrate-storage', '--limit', ''], offers: none },
    { words: ['migrate-storage', '--verify', ''], offers: { values: ['full'], directive: ':4' } },
    { words: ['completion', 'z'], offers: { values: ['zsh'], directive: ':4' } },
    { words: ['du', '--by'], offers: { values: ['--bytes'], directive: ':4' } },
    { words: ['-c', 'absent.ini', 'list', ''], offers: none },
  ])('of $words offers $offers', async ({ words, offers }) => {
    expect(await offered(newSite(), ...words)).toEqual(offers);
  });

  test('offers every command, and every option of one', async () => {
    const { values } = await offered(newDirectory(), '');
    expect(values).toEqual(expect.arrayContaining(['put', 'check', 'gc', 'copy', 'completion']));
    expect(values).not.toContain('complete');
    const options = await offered(newDirectory(), 'get', '--');
    expect(options.values).toEqual(expect.arrayContaining(['--force', '--json', '--config']));
  });

  test('offers no name that a shell would take for more than a word', async () => {
    const here = newDirectory();
    const names = ['$(touch harm)', '`touch harm`', 'a b', "it's", 'fine-1.ü'];
    const lines = names.flatMap((name, number) => [
      `depot.${number}.name = ${name}`,
      `depot.${number}.backend = memory`,
    ]);
    writeFileSync(path.join(here, 'depot.ini'), ['[depot]', ...lines, ''].join('\n'));
    expect((await offered(here, 'list', '')).values).toEqual(['fine-1.ü']);
  });

  test('of an unknown shell names the known ones', async () => {
    const { code, err } = await depot(newDirectory(), ['completion', 'tcsh']);
    expect(code).toBe(2);
    expect(err).toContain('bash, zsh, fish');
  });

  // What each shell shows for the line `depot -c production.ini list `.
  const scripts = {
    bash: `depot() { "$NODE" "$DEPOT" "$@"; }
      source <(depot completion bash)
      compopt() { :; }
      COMP_WORDS=(depot -c production.ini list ''); COMP_CWORD=4; _depot; printf '%s\\n' "\${COMPREPLY[@]}"`,
    zsh: `depot() { "$NODE" "$DEPOT" "$@"; }
      compdef() { :; }; _files() { :; }
      _describe() { print -l -- "\${(@)\${(@)values}%%:*}"; }
      source <(depot completion zsh)
      words=(depot -c production.ini list ''); CURRENT=5; _depot`,
    fish: `function depot; $NODE $DEPOT $argv; end
      depot completion fish | source
      complete -C 'depot -c production.ini list '`,
  };

  test.for(Object.entries(scripts))('works in %s', async ([shell, script], { skip }) => {
    const program = findProgram(shell);
    if (program === undefined) return skip(`there is no ${shell}`);
    const env = { NODE: process.execPath, DEPOT: executable };
    const ended = await outcome(startProgram(newSite(), [program, '-c', script], { env }));
    expect(ended.err).toBe('');
    expect(
      ended.out
        .trim()
        .split('\n')
        .map((line) => line.trim()),
    ).toEqual(['dbfiles', 'localfs']);
  });
});
