import type { NotCopied } from './copy-outcome.js';
import { type RestoreOptions, restoreBlob } from './restore-blob.js';

/** What a text names in a storage. */
export interface Named {
  /** How many references have blobs there. */
  readonly references: number;
  /** The blobs that references name. */
  readonly ids: ReadonlySet<string>;
  /** The blobs that paths and URLs name, also in references. */
  readonly mentioned: ReadonlySet<string>;
}

/** What one undo knows of the blobs that texts mention. */
export interface KnownRestores {
  /** The target's versions of mentioned blobs that the source is known to have. */
  readonly restored: Map<string, string>;
}

/** What the rows of a page have asked for: a blob that several of them share is copied once. */
export interface PageRestores {
  readonly restoring: Map<string, Promise<string | NotCopied>>;
}

type Options = RestoreOptions & KnownRestores & PageRestores;

/** Sees to the blobs that a text names `then` and not `now`; the target's versions of its references'. */
export async function restoreNamed(
  then: Named,
  now: Named,
  name: string,
  options: Options,
): Promise<Map<string, string> | NotCopied> {
  const versions = new Map<string, string>();
  for (const id of then.ids) {
    if (now.ids.has(id)) continue;
    const restored = await restoreOnce(id, name, options);
    if (typeof restored !== 'string') return restored;
    versions.set(id, restored);
  }
  for (const id of then.mentioned) {
    if (now.mentioned.has(id) || versions.has(id)) continue;
    const restored = await restoreMentioned(id, name, options);
    if (typeof restored !== 'string') return restored;
  }
  return versions;
}

/** Every row that lacks it names the blob. */
async function restoreOnce(
  id: string,
  name: string,
  options: Options,
): Promise<string | NotCopied> {
  const { restoring, observer, copyOptions } = options;
  const asked = restoring.get(id);
  if (asked === undefined) {
    const restored = restoreBlob(id, name, options);
    restoring.set(id, restored);
    return restored;
  }
  const restored = await asked;
  if (typeof restored !== 'string') {
    const { kind, message } = restored;
    observer.problem({ kind, reference: name, path: copyOptions.source.path(id), message });
  }
  return restored;
}

/** Versions kept of what was restored: texts that lie together often mention the same. */
const keptVersions = 10_000;

async function restoreMentioned(
  id: string,
  name: string,
  options: Options,
): Promise<string | NotCopied> {
  const { restored, copyOptions } = options;
  const { target } = copyOptions;
  const known = restored.get(id);
  if (known !== undefined && (await target.find(target.idFor(id)))?.version === known) return known;
  const version = await restoreOnce(id, name, options);
  if (restored.size >= keptVersions) restored.clear();
  if (typeof version === 'string') restored.set(id, version);
  return version;
}
