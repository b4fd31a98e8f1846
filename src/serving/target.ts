import { DepotError } from '../errors.js';

/** The blob that a path names. */
export interface Target {
  /** Name or alias of the storage. */
  readonly storage: string;
  readonly id: string;
  /** Whether it is to be saved and not shown: the path ends in `/download`. */
  readonly download: boolean;
}

/**
 * The parts of a mount point, such as `/depot`; `/` has none.
 *
 * @throws DepotError `config` for one that does not begin with a slash
 */
export function mountParts(mountpoint: string): string[] {
  if (!mountpoint.startsWith('/')) {
    throw new DepotError('config', `mountpoint ${JSON.stringify(mountpoint)}: it is no path`, {
      hint: 'Give one that begins with a slash, such as /depot.',
    });
  }
  return mountpoint.split('/').filter((part) => part !== '');
}

/**
 * What the target of a request names below the mount point: `<storage>/<id>`, and behind it a name
 * that only people read. `outside` where it is not below it, null where it can name no blob.
 *
 * @param names of the storages, and their aliases; a name may hold slashes, the longest counts
 */
export function parseTarget(
  target: string,
  mount: readonly string[],
  names: readonly string[],
): Target | 'outside' | null {
  const [path = ''] = target.replace(/^https?:\/\/[^/?#]*/i, '').split(/[?#]/, 1);
  const [empty, ...parts] = path.split('/').map(decoded);
  if (empty !== '' || mount.some((part, index) => parts[index] !== part)) return 'outside';
  const below = parts.slice(mount.length);
  if (!below.every(isPlain)) return null;
  const storage = names
    .filter((name) => name.split('/').every((part, index) => below[index] === part))
    .sort((one, other) => other.length - one.length)[0];
  if (storage === undefined) return null;
  const [id, ...rest] = below.slice(storage.split('/').length);
  return id === undefined ? null : { storage, id, download: rest.at(-1) === 'download' };
}

function decoded(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}

/** False for what could lead elsewhere, however it was encoded. */
function isPlain(part: string | null): part is string {
  return part !== null && part !== '' && part !== '.' && part !== '..' && !/[/\\\0]/.test(part);
}
