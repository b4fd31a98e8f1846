import type { Code } from './markdown.js';

/** A command as a document shows it. */
export interface CommandLine {
  readonly line: number;
  readonly heading: string;
  /** As it is written there. */
  readonly text: string;
  /** What is run in its place, in bash. */
  readonly script: string;
  /** The exit code that the text behind it tells, else 0. */
  readonly code: number;
}

/** What stands in the documents for something of the reader's, and what is run for it. */
const placeholders: readonly (readonly [RegExp, string])[] = [
  [/\bA\b/g, 'dbfiles'],
  [/\bB\b/g, 'localfs'],
  [/\bNAME\b/g, 'localfs'],
  [/\bFILE\b/g, 'report.pdf'],
  [/\bstorage\/id\b/g, 'dbfiles/f9c188ec-e6ef-11f1-b551-02fc00000001'],
  [/\bfiles\/1b6e…/g, '"$(depot list | head -n 1)"'],
  [/(?:\/srv)?\/site\//g, '"$PWD"/'],
  [/^.*\bCOMMAND\b.*$/gm, 'for each in list put check; do $&; done'],
  [/\bCOMMAND\b/g, '"$each"'],
];

/** Lines that another program starts, and the command that it starts. */
const startedByOthers: readonly (readonly [RegExp, string])[] = [
  // A line of a crontab.
  [/^(?:[\d*/,-]+ ){5} *(depot .*)$/, '$1'],
  [
    /^sbatch --array=1-8 .*--wrap 'exec (depot [^']*)'$/,
    'SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=8 SLURM_ARRAY_TASK_COUNT=8 $1',
  ],
];

/** A Kubernetes manifest, and the command in it. */
const manifest = /^apiVersion: .*\n *command: \[(?<words>depot,[^\]]*)\]/s;

/** What looks like a command line and is not run, and why. */
export const exceptions: Readonly<Record<string, string>> = {
  'npm ci': 'is what brought us here',
  'npm pack': 'is run by .ci/run',
  'npm install -g ./filedepot-0.1.0.tgz': 'is run by .ci/run, in a directory',
  'npm ci && npm run demo': 'is run by .ci/run',
  'npm ci && npm test': 'is running',
  'npm install ./filedepot-0.1.0.tgz': 'is run by .ci/run, with the package that it packs',
  'npm install --save-dev filedepot vitest fast-check': 'is run by .ci/run',
  'depot -c production.ini serve': 'is run by test/cli/serve.test.ts, and goes on until Ctrl-C',
  'depot [-c FILE[#APP]] [--json] [-q | -v] COMMAND …': 'is the synopsis',
};

/** A file of settings, or a part of one: every line is a section, a key, a comment, or goes on. */
export function isSettings({ inline, text }: Code): boolean {
  const setting = /^(?:\[[^\]]+\]|[\w.:-]+\s*[=:](?:\s.*)?|[#;].*|\s+\S.*|)$/;
  return !inline && !manifest.test(text) && text.split('\n').every((line) => setting.test(line));
}

/** Whether `depot` stands in a text as a command, with something behind it. */
export function namesCommand(text: string): boolean {
  return /(?:^|[\s(;&|'"[])depot[\s,]+(?!in\b)\S/.test(text);
}

/** The command lines in code: of a block that is nothing else every line. */
export function commandLines(code: Code): CommandLine[] {
  const { inline, heading, text, after } = code;
  const exitCode = Number(/^: exit code (\d+)/.exec(after)?.[1] ?? 0);
  if (inline && !namesCommand(text)) return [];
  const words = manifest.exec(text)?.groups?.words;
  if (words !== undefined) {
    const environment = 'JOB_COMPLETIONS=8 JOB_COMPLETION_INDEX=0';
    const command = words.replaceAll(/,\s+/g, ' ');
    return [
      {
        line: code.line,
        heading,
        text,
        script: script(`${environment} ${command}`),
        code: exitCode,
      },
    ];
  }
  const found: CommandLine[] = [];
  let whole = '';
  for (const [index, line] of text.split('\n').entries()) {
    whole += whole === '' ? line : `\n${line}`;
    if (whole.trim() === '' || (whole.startsWith('for ') && !whole.endsWith('done'))) continue;
    found.push({
      line: code.line + index,
      heading,
      text: whole,
      script: script(whole),
      code: exitCode,
    });
    whole = '';
  }
  if (whole.trim() !== '') throw new Error(`line ${code.line}: no end of ${whole}`);
  return found;
}

function script(text: string): string {
  return [...startedByOthers, ...placeholders].reduce(
    (changed, [written, run]) => changed.replace(written, run),
    text,
  );
}
