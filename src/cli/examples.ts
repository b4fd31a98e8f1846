type Example = readonly [line: string, does: string];

/** Command lines that show what a command is for, each with what it does; under its help. */
const examples: Readonly<Record<string, readonly Example[]>> = {
  init: [
    ['depot init', 'writes depot.ini, and makes the directory files/'],
    ['depot init site.ini', 'under another name'],
  ],
  put: [
    ['depot put report.pdf', 'into the default storage; prints the path of the blob'],
    ['depot -c production.ini put -s localfs *.jpg', 'several, into another storage'],
    ['tar c logs | depot put - --name logs.tar', 'what another program writes'],
  ],
  get: [
    ['depot get files/ID', 'into this directory, under its own name'],
    ['depot get files/ID copy.pdf', 'under another name'],
    ['depot get files/ID - | sha256sum', 'to standard output'],
  ],
  list: [
    ['depot list -l', 'the default storage, with size, time, type and filename'],
    ["depot list localfs --type 'image/*' --larger-than 5M", 'large images'],
    ['depot list --since 7d --json', 'what came in the last week, for a program'],
  ],
  info: [
    ['depot info files/ID', 'filename, type, length and time'],
    [
      'depot -c production.ini info --references --hash localfs/ID',
      'and who names it, and SHA-256',
    ],
  ],
  du: [['depot -c production.ini du', 'how much every storage holds, of each type']],
  replace: [['depot replace files/ID report-2.pdf', 'new content, and the same path']],
  delete: [
    ['depot delete files/ID', 'whatever refers to it'],
    ['depot list --larger-than 1G | depot delete -', 'many'],
  ],
  storages: [
    ['depot -c production.ini storages', 'what is configured'],
    ['depot -c production.ini storages --ping', 'and whether it can be reached'],
    ['depot -c production.ini storages create localfs', 'makes its directory, bucket or table'],
  ],
  references: [
    ['depot -c production.ini references', 'the columns that hold references'],
    ['depot -c production.ini references --count', 'and how many name which storage'],
  ],
  'migrate-storage': [
    ['depot migrate-storage --from dbfiles --to localfs --dry-run', 'a rehearsal'],
    ['depot migrate-storage --from dbfiles --to localfs', 'moves; run it again to go on'],
    ['depot migrate-storage --from dbfiles --to localfs --delete-source', 'and empties dbfiles'],
    ['depot migrate-storage --undo depot-state/dbfiles-to-localfs.sqlite', 'moves it back'],
    ['depot migrate-storage --report depot-state/dbfiles-to-localfs.sqlite', 'tells what was done'],
  ],
  copy: [
    ['depot copy --from localfs --to backup', 'what is new or changed'],
    ['depot copy --from localfs --to backup --delete', 'a mirror'],
    ['depot copy --from backup --to localfs', 'restores'],
  ],
  check: [
    ['depot -c production.ini check', 'every reference and every storage'],
    ['depot -c production.ini check localfs --deep', 'reading every byte of one'],
    ['depot -c production.ini check --fix leftover --dry-run', 'what could be put right'],
  ],
  gc: [
    ['depot -c production.ini gc localfs --older-than 30d', 'lists what nothing names'],
    ['depot -c production.ini gc localfs --older-than 30d --yes', 'and deletes it'],
  ],
  serve: [
    ['depot -c production.ini serve', 'on http://127.0.0.1:8080/, for this machine alone'],
    ['DEPOT_SERVE_TOKEN=… depot serve --host 0.0.0.0', 'for others who have the token'],
  ],
  completion: [['source <(depot completion bash)', 'in ~/.bashrc']],
};

export function examplesOf(command: string): readonly Example[] {
  return examples[command] ?? [];
}

/** The part of a help that shows them, each line below what it does. */
export function examplesText(command: string): string {
  const shown = examplesOf(command);
  if (shown.length === 0) return '';
  return ['', 'Examples:', ...shown.flatMap(([line, does]) => [`  # ${does}`, `  ${line}`])].join(
    '\n',
  );
}
