import { existsSync, readdirSync, readlinkSync } from 'node:fs';

/** The files below a directory that this process has open; none where the system does not tell. */
export function openFiles(place: string): string[] {
  if (!existsSync('/proc/self/fd')) return [];
  const targets = readdirSync('/proc/self/fd').map((number) => {
    try {
      return readlinkSync(`/proc/self/fd/${number}`);
    } catch {
      return '';
    }
  });
  return targets.filter((target) => target.startsWith(place));
}
